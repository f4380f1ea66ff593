// Outputs of the libraries that notebooks draw with, no network anywhere, and outputs that act: only while they are live.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { clickIn } from '../src/ui.mjs';

const ASK = 'from google.colab._ask import ask\n';
const CELLS = {
  plotly: `import plotly.graph_objects as go, plotly.io as pio
pio.renderers.default = "plotly_mimetype"
go.Figure(go.Bar(x=["a", "b", "c"], y=[2, 3, 1], name="bars"), layout={"title": {"text": "Bars"}}).show()
pio.renderers.default = "notebook_connected"
go.Figure(go.Scatter(x=[1, 2, 3], y=[2, 3, 1])).show()`,
  altair: `import altair as alt, pandas as pd
chart = alt.Chart(pd.DataFrame({"x": [1, 2, 3], "y": [3, 1, 2]})).mark_line().encode(x="x", y="y")
alt.renderers.enable("mimetype"); display(chart)
alt.renderers.enable("html"); display(chart)`,
  bokeh: `import os; os.environ["BOKEH_RESOURCES"] = "inline"
from bokeh.io import output_notebook, show
from bokeh.plotting import figure
output_notebook(hide_banner=True)`,
  bokehPlot: 'plot = figure(width=300, height=200); plot.line([1, 2, 3], [3, 1, 2]); show(plot)',
  folium: `import folium
chart = folium.Map([48.85, 2.35], zoom_start=12, tiles=None)
folium.Marker([48.85, 2.35], popup="Paris", icon=folium.Icon(icon="cloud")).add_to(chart)
chart`,
  mermaid: 'display({"text/vnd.mermaid": "graph LR; Start-->Finish", "text/plain": "Start, Finish"}, raw=True)',
  evaluate: `${ASK}print(ask("javascript", script="""
var box = document.createElement('button'); box.textContent = 'Go on'; box.id = 'go';
document.querySelector('#output-area').append(box);
new Promise((resolve) => box.onclick = () => resolve([google.colab.kernel.accessAllowed, 'pressed']))"""))`,
  failing: `${ASK}
try: ask("javascript", script="throw new Error('no luck')")
except RuntimeError as error: print("told:", error)`,
  call: `import IPython.display
from google.colab import output
output.register_callback("add", lambda a, b=0: IPython.display.JSON({"sum": a + b}))
IPython.display.HTML("""<p id=sum>waiting</p><script>
google.colab.kernel.invokeFunction('add', [2], {b: 3}).then(
  (result) => { document.getElementById('sum').textContent = 'sum ' + result.data['application/json'].sum; },
  (error) => { document.getElementById('sum').textContent = 'refused: ' + error.message; });
</script>""")`,
  camera: `${ASK}print(ask("javascript", script="""
navigator.mediaDevices.getUserMedia({video: true}).then((stream) => 'tracks ' + stream.getVideoTracks().length)"""))`,
  areas: `from IPython.display import HTML, Javascript
display(HTML("<fieldset id=inside></fieldset>"))
display(Javascript("google.colab.output.setActiveOutputArea(document.querySelector('#inside'))"))
print("in the box")
display(Javascript("google.colab.output.setActiveOutputArea(google.colab.output.getDefaultOutputArea())"))
print("below it")`,
};

const firefox = process.argv[2] === 'firefox';
const media = firefox
  ? { prefs: { 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true } }
  : { args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] };

await journey(
  'rich',
  async (t) => {
    const ids = Object.keys(CELLS);
    const file = await t.notebook(ids.map((id) => CELLS[id]));
    const notebook = await t.open(file);
    const { page } = notebook;
    const at = (id) => `cell-${ids.indexOf(id)}`;
    const finish = async (id) => assert.equal((await notebook.run(at(id), 90_000)).state, 'ok', id);
    const run = async (id) => {
      await finish(id);
      await notebook.show(at(id));
      return notebook.frame(at(id));
    };
    const seen = (frame, what, check) => until(what, () => frame.evaluate(check));

    await t.step('a script that Python has evaluated waits for a click, and its value comes back', async () => {
      await notebook.pressRun(at('evaluate'));
      const frame = await notebook.frame(at('evaluate'));
      await clickIn(frame, '#go');
      await seen(frame, 'its value', () => document.body.innerText.includes("[True, 'pressed']"));
      await seen(await run('failing'), 'what it threw', () => /told.*no luck/.test(document.body.innerText));
    });

    await t.step('an output calls the function that its program registered', async () => {
      const frame = await run('call');
      await seen(frame, 'the sum', () => document.getElementById('sum')?.textContent === 'sum 5');
    });

    await t.step('outputs go where the program sends them', async () => {
      const frame = await run('areas');
      await seen(frame, 'the places', () => {
        const inside = document.getElementById('inside')?.textContent ?? '';
        return /in the box/.test(inside) && !/below/.test(inside) && /below it/.test(document.body.textContent);
      });
    });

    await t.step('a camera is there once the person agreed', async () => {
      await notebook.pressRun(at('camera'));
      const allow = await page.waitForSelector('button[data-question="device"]:not([disabled])');
      await allow.click();
      await until('the camera', async () => {
        const frame = await notebook.frame(at('camera'));
        return frame.evaluate(() => /tracks 1/.test(document.body.innerText));
      });
    });

    await t.step('opened again, what programs placed is in its place', async () => {
      await notebook.reload();
      const frame = await notebook.frame(at('areas'));
      await seen(frame, 'the places', () => /in the box/.test(document.getElementById('inside')?.textContent ?? ''));
    });

    await t.step('Plotly draws, by its own type and as a page that wants a public network', async () => {
      const frame = await run('plotly');
      await seen(
        frame,
        'two figures',
        () => document.querySelectorAll('.main-svg .bars, .main-svg .scatter').length >= 2,
      );
    });

    await t.step('Altair draws, both ways', async () => {
      const frame = await run('altair');
      await seen(
        frame,
        'two charts',
        () => document.querySelectorAll('.vega-embed svg, .vega-embed canvas').length >= 2,
      );
    });

    await t.step('Bokeh draws in another cell than the one that loaded it', async () => {
      await finish('bokeh');
      const frame = await run('bokehPlot');
      await seen(frame, 'the plot', () =>
        Boolean(document.querySelector('[data-root-id]')?.firstElementChild?.shadowRoot),
      );
    });

    await t.step('a Folium map and a Mermaid diagram draw', async () => {
      const frame = await run('folium');
      await seen(frame, 'the marker', () =>
        Boolean(document.querySelector('iframe')?.contentDocument?.querySelector('.awesome-marker')),
      );
      await seen(await run('mermaid'), 'the diagram', () =>
        /Finish/.test(document.querySelector('svg')?.textContent ?? ''),
      );
      await t.shot(page, 'libraries');
    });
  },
  { env: { LABORA_SERVER__EXTERNAL_OUTPUTS: 'false' }, browser: media },
);
