/** Programs of widget packages, from where this account's notebooks run. */
import type { NotebookController } from '../model/controller';

/** Where Python environments keep what packages bring for the notebook's page; the first that has it is taken. */
const PREFIXES = ['/opt/python', '/usr/local', '/usr', '/root/.local'];

const programs = new Map<string, Promise<string | null>>();

/** The AMD module of a widget package in this account's runtime; null where it is not installed. */
export function widgetModule(controller: NotebookController, name: string): Promise<string | null> {
  const { runtime_id: runtime, life } = controller.runtime ?? {};
  if (!runtime) return Promise.resolve(null);
  // A package that was renewed is there after a restart.
  const key = `${runtime} ${life ?? 0} ${name}`;
  let program = programs.get(key);
  if (!program) {
    program = read(runtime, name);
    programs.set(key, program);
    // One that is installed later is found then.
    void program.then((text) => text === null && programs.delete(key));
    program.catch(() => programs.delete(key));
  }
  return program;
}

async function read(runtime: string, name: string): Promise<string | null> {
  for (const prefix of PREFIXES) {
    const path = `${prefix}/share/jupyter/nbextensions/${name}/index.js`;
    const response = await fetch(
      `/api/v1/runtimes/${encodeURIComponent(runtime)}/content?path=${encodeURIComponent(path)}`,
    );
    if (response.ok) return response.text();
  }
  return null;
}
