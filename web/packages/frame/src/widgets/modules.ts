/**
 * Modules of widgets. Jupyter's own and anywidget's are built in; those of other packages are AMD modules that the
 * package installs beside itself, and come from the kernel's environment through the page.
 */
import * as base from '@jupyter-widgets/base';
import * as controls from '@jupyter-widgets/controls';
import * as anywidget from './anywidget';
import * as output from './output';

export type Module = Readonly<Record<string, unknown>>;

const BUILT_IN: Readonly<Record<string, Module>> = {
  '@jupyter-widgets/base': base as unknown as Module,
  '@jupyter-widgets/controls': controls as unknown as Module,
  '@jupyter-widgets/output': output as unknown as Module,
  anywidget: anywidget as unknown as Module,
};

type Factory = (...parts: unknown[]) => unknown;

export class ModuleLoader {
  private readonly loaded = new Map<string, Promise<Module>>();

  /** `source` returns the program of a module, or null. */
  constructor(private readonly source: (name: string) => Promise<string | null>) {}

  /** Returns a module's exports. Throws where the module is in no place that is known. */
  load(name: string, version: string): Promise<Module> {
    const known = BUILT_IN[name];
    if (known !== undefined) return Promise.resolve(known);
    let loading = this.loaded.get(name);
    if (loading === undefined) this.loaded.set(name, (loading = this.fetch(name, version)));
    return loading;
  }

  private async fetch(name: string, version: string): Promise<Module> {
    const program = await this.source(name);
    if (program !== null) return this.run(name, program);
    const error = new Error(
      `${name} ${version} is not installed where this notebook runs, or cannot be read from here.`,
    );
    this.loaded.delete(name);
    throw error;
  }

  /** Runs an AMD module; what it asks for is built in, or comes the same way. */
  private async run(name: string, program: string): Promise<Module> {
    const defined = await defining(program, (dependency) => this.dependency(name, dependency));
    if (defined === null) throw new Error(`${name} is not a widget module.`);
    return defined;
  }

  private async dependency(from: string, name: string): Promise<unknown> {
    if (name === 'module') return { id: from, uri: '' };
    return this.load(name, '');
  }
}

interface Global {
  define?: unknown;
}

/** Evaluates `program` with a `define` of AMD's; returns what its last definition is, or null when it made none. */
async function defining(program: string, resolve: (name: string) => Promise<unknown>): Promise<Module | null> {
  const calls: { dependencies: string[]; factory: unknown }[] = [];
  const define = Object.assign(
    (...parts: unknown[]) => {
      const factory = parts.at(-1);
      const dependencies = parts.find((part): part is string[] => Array.isArray(part));
      const implied = typeof factory === 'function' && factory.length > 0 ? ['require', 'exports', 'module'] : [];
      calls.push({ dependencies: dependencies ?? implied, factory });
    },
    { amd: {} },
  );
  const place = window as unknown as Global;
  const before = Object.getOwnPropertyDescriptor(place, 'define');
  place.define = define;
  try {
    // In the global scope, as RequireJS would; it runs while it is put into the page.
    const script = document.createElement('script');
    script.text = program;
    document.head.append(script);
    script.remove();
  } finally {
    if (before === undefined) delete place.define;
    else Object.defineProperty(place, 'define', before);
  }
  const last = calls.at(-1);
  if (last === undefined) return null;
  const exports: Record<string, unknown> = {};
  const require = (name: string) => BUILT_IN[name];
  const parts = await Promise.all(
    last.dependencies.map((name) => {
      if (name === 'exports') return exports;
      return name === 'require' ? require : resolve(name);
    }),
  );
  const made = typeof last.factory === 'function' ? (last.factory as Factory)(...parts) : last.factory;
  return (made ?? exports) as Module;
}
