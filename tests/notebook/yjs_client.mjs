// A browser's copy of a notebook: edits at random with the real Yjs, tells its updates and what it ends with.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [yjs] = process.argv.slice(2);
const Y = await import(pathToFileURL(yjs).href);
const { state, seed } = JSON.parse(readFileSync(0, 'utf8'));
const doc = new Y.Doc();
Y.applyUpdate(doc, Buffer.from(state, 'base64'));
const cells = doc.getMap('cells');
const before = Y.encodeStateVector(doc);
const updates = [];
doc.on('update', (update) => updates.push(Buffer.from(update).toString('base64')));

let last = seed;
const below = (limit) => (last = (last * 1103515245 + 12345) & 0x7fffffff) % limit;
const whole = (text, at) => (at > 0 && at < text.length && (text.charCodeAt(at) & 0xfc00) === 0xdc00 ? at + 1 : at);

for (let step = 0; step < 60; step++) {
  const keys = [...cells.keys()];
  const cell = cells.get(keys[below(keys.length)]);
  const source = cell.get('source');
  const text = source.toString();
  const from = whole(text, below(text.length + 1));
  const act = below(6);
  if (act === 0) source.insert(from, ['a', '😀', 'é\n', '👩🏽x'][below(4)]);
  else if (act === 1) {
    const to = whole(text, Math.min(text.length, from + 1 + below(3)));
    if (to > from) source.delete(from, to - from);
  } else if (act === 2) cell.set('deleted', true);
  else if (act === 3) cell.delete('deleted');
  else if (act === 4) cell.get('metadata').set('k', JSON.stringify([step, 1.5, '😀']));
  else {
    const made = new Y.Map();
    made.set('source', new Y.Text('x😀'));
    made.set('kind', 'code');
    made.set('position', `V${1 + below(9)}`);
    made.set('metadata', new Y.Map());
    made.set('extra', new Y.Map());
    cells.set(`n${step}`, made);
  }
}
const difference = Buffer.from(Y.encodeStateAsUpdate(doc, before)).toString('base64');
const sources = Object.fromEntries([...cells.keys()].map((key) => [key, cells.get(key).get('source').toString()]));
console.log(JSON.stringify({ updates, difference, sources }));
