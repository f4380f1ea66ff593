// A GitHub of the journey's own, with the shapes of the real one (src/labora/testing/github.py). It ends with the journey.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { LABORA } from './server.mjs';

export const TOKEN = 'ghp_of_ada';

export class GitHub {
  /** Starts one that holds `{repos: {"owner/name": {private, branches: {branch: {path: text}}}}, gists: {id: {name: text}}}`. */
  static async start(told) {
    const github = new GitHub();
    github.process = spawn(path.join(path.dirname(LABORA), 'python'), ['-m', 'labora.testing.github'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    github.lines = createInterface({ input: github.process.stdout })[Symbol.asyncIterator]();
    const { url, outside } = await github.#ask(told);
    github.url = url;
    // What makes a server know this GitHub and no other.
    github.env = Object.fromEntries(
      Object.entries(outside).map(([key, value]) => [
        `LABORA_OUTSIDE__${key.toUpperCase()}`,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    );
    return github;
  }

  /** The text of a file as it lies there now. */
  read(repo, branch, file) {
    return this.#ask([repo, branch, file]);
  }

  async #ask(line) {
    this.process.stdin.write(`${JSON.stringify(line)}\n`);
    return JSON.parse((await this.lines.next()).value);
  }
}
