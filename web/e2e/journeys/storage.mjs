// A large file goes up in pieces, through a cut and a reload; a folder comes down as a zip; an emptied trash frees room.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../src/browser.mjs';
import { DrivePage } from '../src/drive.mjs';
import { AWAY, journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { answerDialog, chooseItem, role } from '../src/ui.mjs';

const MB = 1024 * 1024;
const env = { LABORA_DRIVE__QUOTA_BYTES: String(58 * MB) };
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

await journey(
  'storage',
  async (t) => {
    t.expectProblems(...AWAY);
    const folder = mkdtempSync(path.join(tmpdir(), 'labora-storage-'));
    const made = (name, size) => {
      const file = path.join(folder, name);
      writeFileSync(file, randomBytes(size));
      return file;
    };
    const page = await t.signedIn();
    const drive = new DrivePage(page);
    page.on('dialog', (dialog) => dialog.accept().catch(() => {}));
    // A line on which so many pieces go as are let through: so there is a middle, however fast the machine is.
    await page.evaluateOnNewDocument(() => {
      window.pieces = Infinity;
      const { send, abort } = XMLHttpRequest.prototype;
      XMLHttpRequest.prototype.send = function (body) {
        const go = () => {
          if (this.dropped) return;
          if (window.pieces > 0) {
            window.pieces -= 1;
            send.call(this, body);
          } else setTimeout(go, 50);
        };
        go();
      };
      XMLHttpRequest.prototype.abort = function () {
        this.dropped = true;
        abort.call(this);
        this.dispatchEvent(new ProgressEvent('abort'));
      };
    });
    const letThrough = (count) => page.evaluate((pieces) => (window.pieces = pieces ?? Infinity), count);
    await page.reload();
    await drive.ready();

    const row = (name) =>
      page.$$eval(
        '.upload-row',
        (rows, wanted) => {
          const found = rows.find((one) => one.querySelector('.upload-name').textContent === wanted);
          return (
            found && {
              status: found.dataset.status,
              note: found.querySelector('.upload-note').textContent,
              percent: Number(found.querySelector('[role=progressbar]')?.ariaValueNow ?? -1),
            }
          );
        },
        name,
      );
    const waitFor = (name, status) =>
      until(`${name} to be ${status}`, async () => {
        const now = await row(name);
        return now?.status === status ? now : Promise.reject(new Error(JSON.stringify(now)));
      });
    const choose = async (file) => {
      await role(page, 'button', 'New').click();
      const [chooser] = await Promise.all([page.waitForFileChooser(), chooseItem(page, 'Upload files')]);
      await chooser.accept([file]);
    };
    const stored = async (name) => {
      const query = new URLSearchParams({ q: `name = '${name}'` });
      const { files } = await t.api.call('GET', `/files?${query}`);
      assert.equal(files.length, 1);
      const answer = await fetch(`${t.server.url}/api/v1/files/${files[0].id}/download`, {
        headers: { Cookie: t.api.cookie },
      });
      return { ...files[0], bytes: Buffer.from(await answer.arrayBuffer()) };
    };
    const cut = () => (t.isFirefox ? t.server.kill() : page.setOfflineMode(true));
    const mend = () => (t.isFirefox ? t.server.start() : page.setOfflineMode(false));

    await t.step('a large file is cut off in the middle, says so, and goes on by itself', async () => {
      const file = made('measured.bin', 24 * MB + 17);
      await letThrough(1);
      await choose(file);
      await until('the first piece', async () => ((await row('measured.bin'))?.percent ?? 0) >= 30);
      await cut();
      await letThrough(null);
      const { note, percent } = await waitFor('measured.bin', 'offline');
      assert.match(note, /goes on by itself/);
      assert.ok(percent >= 30 && percent < 100, String(percent));
      await t.shot(page, 'offline');
      await mend();
      await waitFor('measured.bin', 'done');
      await drive.waitFor('measured.bin');
      assert.equal(sha256((await stored('measured.bin')).bytes), sha256(readFileSync(file)));
    });

    await t.step('paused, and after a reload chosen again, another goes on from where it was', async () => {
      const file = made('again.bin', 24 * MB);
      await letThrough(1);
      await choose(file);
      const received = async () => (await t.api.call('GET', '/uploads')).uploads[0]?.received;
      await until('the first piece', async () => (await received()) === 8 * MB);
      await role(page, 'button', 'Pause again.bin').click();
      await waitFor('again.bin', 'paused');
      assert.equal(await received(), 8 * MB);
      await page.reload();
      await drive.ready();
      const { note } = await waitFor('again.bin', 'left');
      assert.match(note, /Choose the same file/);
      await t.shot(page, 'left');
      const [chooser] = await Promise.all([
        page.waitForFileChooser(),
        role(page, 'button', 'Choose again.bin again').click(),
      ]);
      await chooser.accept([file]);
      await waitFor('again.bin', 'done');
      assert.equal(sha256((await stored('again.bin')).bytes), sha256(readFileSync(file)));
      assert.deepEqual((await t.api.call('GET', '/uploads')).uploads, []);
    });

    t.expectProblems(/status of 507/);
    await t.step('the page says that little room is left, and refuses what does not fit', async () => {
      await until('the banner', () => page.$eval('[data-storage=high]', (one) => /8\d % full/.test(one.innerText)));
      await choose(made('too-much.bin', 16 * MB));
      const { note } = await waitFor('too-much.bin', 'failed');
      assert.match(note, /storage is full/);
      await looksRight(t, page, 'full');
    });

    await t.step('a folder comes down as a zip', async () => {
      const inner = await t.api.call('POST', '/files', { kind: 'folder', name: 'Results' });
      for (const name of ['a.txt', 'b.txt'])
        await t.api.call('POST', `/files/upload?${new URLSearchParams({ parent: inner.id, name })}`, `of ${name}`);
      await page.evaluate((where) => {
        const link = document.createElement('a');
        link.href = where;
        link.download = '';
        document.body.append(link);
        link.click();
        link.remove();
      }, `/api/v1/files/${inner.id}/zip`);
      const zip = await until('the zip', () => {
        const names = readdirSync(t.browser.downloads);
        const bytes = names.length === 1 && readFileSync(path.join(t.browser.downloads, 'Results.zip'));
        return bytes && bytes.length ? bytes : null;
      });
      assert.equal(zip.subarray(0, 2).toString(), 'PK');
      for (const entry of ['Results/a.txt', 'Results/b.txt']) assert.ok(zip.includes(entry));
    });

    await t.step('the trash says how long it keeps, and emptied it frees room', async () => {
      const { id } = await stored('again.bin');
      await t.api.call('PATCH', `/files/${id}`, { trashed: true });
      await page.goto(`${t.server.url}/trash`);
      await drive.waitFor('again.bin');
      await until('the note', () => page.$eval('.drive-note', (one) => /after 30 days/.test(one.innerText)));
      assert.match(await page.$eval('[data-storage]', (one) => one.innerText), /The trash holds 25 MB/);
      await t.shot(page, 'trash');
      await role(page, 'button', 'Empty trash').click();
      await answerDialog(page, 'Empty trash');
      await until('the banner to go', async () => (await page.$('[data-storage]')) === null);
      const { usage } = await t.api.call('GET', '/drive/about');
      assert.ok(usage.total_bytes < 30 * MB && usage.trash_bytes === 0, JSON.stringify(usage));
    });
    rmSync(folder, { recursive: true, force: true });
  },
  { env },
);
