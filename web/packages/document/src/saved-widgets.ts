/** Widgets as a notebook's file keeps them: `metadata.widgets["application/vnd.jupyter.widget-state+json"]`. */
import { type BufferAt, isRecord, type WidgetModel } from './widget-model';

const STATE_TYPE = 'application/vnd.jupyter.widget-state+json';
const none: ReadonlyMap<string, WidgetModel> = new Map();
const read = new WeakMap<object, ReadonlyMap<string, WidgetModel>>();

/** The widgets that a notebook's metadata hold, by model id; what cannot be read is left out. */
export function savedWidgets(metadata: Readonly<Record<string, unknown>>): ReadonlyMap<string, WidgetModel> {
  const kept = isRecord(metadata['widgets']) ? metadata['widgets'][STATE_TYPE] : undefined;
  if (!isRecord(kept)) return none;
  let models = read.get(kept);
  if (!models) read.set(kept, (models = readModels(kept)));
  return models;
}

function readModels(kept: Record<string, unknown>): ReadonlyMap<string, WidgetModel> {
  // Colaboratory writes the models themselves, without the envelope that the schema asks for.
  const enveloped = 'version_major' in kept && isRecord(kept['state']);
  const records = enveloped ? (kept['state'] as Record<string, unknown>) : kept;
  const models = new Map<string, WidgetModel>();
  for (const [id, record] of Object.entries(records)) {
    if (!isRecord(record) || !isRecord(record['state'])) continue;
    const state = {
      ...record['state'],
      _model_name: record['model_name'] ?? record['state']['_model_name'],
      _model_module: record['model_module'] ?? record['state']['_model_module'],
      _model_module_version: record['model_module_version'] ?? record['state']['_model_module_version'],
    };
    models.set(id, { id, state, buffers: readBuffers(record['buffers']), metadata: {} });
  }
  return models;
}

function readBuffers(kept: unknown): BufferAt[] {
  if (!Array.isArray(kept)) return [];
  return kept.flatMap((one: unknown) => {
    if (!isRecord(one) || typeof one['data'] !== 'string' || !Array.isArray(one['path'])) return [];
    const data = decode(one['data'], one['encoding']);
    return data ? [{ path: one['path'] as (string | number)[], data }] : [];
  });
}

function decode(text: string, encoding: unknown): ArrayBuffer | null {
  if (encoding === 'hex') {
    return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)).buffer;
  }
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  } catch {
    return null;
  }
}
