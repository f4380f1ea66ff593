// Commands of the shell in cells: they ask below their cell, draw their progress, are interrupted, and replace a package
// that the kernel has imported; and a program that restarts its own kernel.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { answerDialog, press } from '../src/ui.mjs';

// A package as pip installs it, made where it is installed: no network is needed. Short lines: nothing scrolls sideways.
const WHEEL = `
import zipfile
def wheel(v):
  d = f'moved-{v}.dist-info'
  tag = 'py3-none-any'
  name = f'moved-{v}-{tag}.whl'
  head = 'Metadata-Version: 2.1\\n'
  about = f'Name: moved\\nVersion: {v}\\n'
  made = 'Wheel-Version: 1.0\\n'
  made += 'Root-Is-Purelib: true\\n'
  code = f"__version__ = '{v}'"
  files = {'moved/__init__.py': code,
    f'{d}/METADATA': head + about,
    f'{d}/WHEEL': f'{made}Tag: {tag}\\n'}
  names = [*files, f'{d}/RECORD']
  files[f'{d}/RECORD'] = ''.join(
    n + ',,\\n' for n in names)
  path = f'/tmp/{name}'
  with zipfile.ZipFile(path, 'w') as z:
    for n, text in files.items():
      z.writestr(n, text)
wheel('1.0')
wheel('2.0')
!pip install -q --no-index \\
  /tmp/moved-1.0-py3-none-any.whl
import moved
print(moved.__version__)
`.trim();

await journey('shell', async (t) => {
  const cells = [
    "!read -p 'Name: ' n1; \\\n  read -s -p 'Key: ' n2; echo; \\\n  echo \"$n1/${#n2}\"",
    '!for i in 10 55 100; do \\\n  printf "\\r\\033[32m%d%%" $i; \\\n  printf "\\033[0m done"; \\\n  sleep 0.1; done; echo',
    "!echo go; sleep 600\nprint('after', _exit_code)",
    WHEEL,
    '%pip install -q --no-index \\\n  /tmp/moved-2.0-py3-none-any.whl',
    "print('kept')\nimport IPython\napp = IPython.Application.instance()\napp.kernel.do_shutdown(True)",
    "print('anew', 'moved' in globals())",
    'import os\nos.kill(os.getpid(), 9)',
    '%matplotlib inline\n%config InlineBackend.rc = {}\nfrom matplotlib import pyplot\n_ = pyplot.plot([1, 2])',
  ];
  const file = await t.notebook(cells, 'Shell.ipynb');
  let olga;
  const answer = async (id, text, password) => {
    const kind = password ? 'password' : 'text';
    const field = await olga.page.waitForSelector(`section[data-cell="${id}"] input[type=${kind}]`);
    await field.type(text);
    await press(olga.page, 'Enter');
  };

  await t.step('a command asks below its cell, and does not show a password', async () => {
    olga = await t.open(file);
    await olga.pressRun('cell-0');
    await answer('cell-0', 'Ada', false);
    await answer('cell-0', 'secret', true);
    await olga.ended('cell-0');
    const text = await olga.stream('cell-0');
    assert.match(text, /Name: Ada\n/);
    assert.match(text, /Ada\/6/);
    assert.doesNotMatch(text, /secret/);
  });

  await t.step('a line that is drawn over itself ends as one line, in its colours', async () => {
    await olga.run('cell-1');
    assert.equal((await olga.stream('cell-1')).trim(), '100% done');
    const section = 'section[data-cell="cell-1"] .lo-lines';
    assert.equal(await olga.page.$eval(`${section} span`, (span) => span.textContent), '100%');
  });

  await t.step('an interrupt ends the command, and the cell goes on', async () => {
    await olga.pressRun('cell-2');
    await olga.waitOutput('cell-2', /go/);
    await olga.pressRun('cell-2');
    await olga.ended('cell-2');
    assert.match(await olga.stream('cell-2'), /\^C\s+after -2/);
  });

  await t.step('a package that was imported and is replaced is told, with a way to begin anew', async () => {
    await olga.run('cell-3');
    assert.match(await olga.stream('cell-3'), /1\.0/);
    await olga.run('cell-4');
    await olga.waitOutput('cell-4', /Imported before another version was installed: moved/);
    await looksRight(t, olga.page, 'pip');
    await olga.page.locator('section[data-cell="cell-4"] .lo-pip button').click();
    await answerDialog(olga.page, 'Restart');
    await until('the button to go', () =>
      olga.page.$eval('section[data-cell="cell-4"] .lo-pip button', (button) => button.hidden),
    );
  });

  await t.step('a program restarts its kernel: no crash, its output stays', async () => {
    await olga.run('cell-5');
    await olga.page.waitForFunction(() => /The program restarted the kernel/.test(document.body.innerText));
    assert.match(await olga.stream('cell-5'), /kept/);
    await olga.run('cell-6');
    assert.match(await olga.stream('cell-6'), /anew False/);
    assert.doesNotMatch(await olga.page.$eval('body', (body) => body.innerText), /restarted the kernel/);
    await olga.pressRun('cell-7');
    await olga.page.waitForFunction(() => /Cell 8 restarted the kernel/.test(document.body.innerText));
    await looksRight(t, olga.page, 'restarted');
    await olga.run('cell-8');
    await olga.page.waitForSelector('section[data-cell="cell-8"] img');
  });
});
