// The processes behind a server, killed as a machine would lose them. A test in Python plays the same with mounts and
// loop devices left behind (tests/faults/machine.py).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from './browser.mjs';

const ANOTHER_BOOT = '00000000-0000-4000-8000-000000000000';

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const lives = (pid) => /^State:\s+[^ZX]/m.test(read(`/proc/${pid}/status`));

/** The processes outside of sandboxes that name the server's data folder: its host, the host's keeper, its relay. */
export function behind(server, part = '') {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== server.process.pid)
    .map((pid) => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`) }))
    .filter(({ command }) => command.includes(server.dataDir) && command.includes(part));
}

/** kill -9 of processes, and their end. */
export async function killAll(pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
  await until('the end of the processes', () => !pids.some(lives), 10_000);
}

/** The pid of the host itself, not of its keeper. */
export const hostOf = (server) =>
  behind(server, 'labora.host').find(({ command }) => !command.includes('keeper.py')).pid;

/** Everything ends at once; what lies on disk is that of another boot. */
export async function powerOff(server) {
  const folder = path.join(server.dataDir, 'run', 'runtimes');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const handles = files.map((name) => JSON.parse(read(path.join(folder, name))));
  const outside = behind(server).toSorted((a) => (a.command.includes('keeper.py') ? -1 : 1));
  server.process.kill('SIGKILL');
  const sandboxes = handles.flatMap((handle) => [handle.monitor_pid, handle.pid]).filter((pid) => pid > 0);
  await killAll([...outside.map(({ pid }) => pid), ...sandboxes]);
  await server.exited;
  files.forEach((name) => {
    const file = path.join(folder, name);
    writeFileSync(file, JSON.stringify({ ...JSON.parse(read(file)), boot_id: ANOTHER_BOOT }));
  });
  writeFileSync(path.join(server.dataDir, 'run', 'boot'), ANOTHER_BOOT);
}
