/** GeoJSON on a map. Without a network there are no tiles, and the shapes stand on plain ground. */
import { type ViewEnv } from '@labora/outputs/core';
import { loadScript, loadStyle } from '../libraries';
import { type Drawing } from './lazy';

interface Bounds {
  isValid(): boolean;
}
interface LeafletMap {
  fitBounds(bounds: Bounds, options: object): void;
  setView(centre: [number, number], zoom: number): void;
  remove(): void;
}
interface Layer {
  addTo(map: LeafletMap): Layer;
  getBounds(): Bounds;
  bindPopup(text: HTMLElement): void;
}
interface Leaflet {
  map(place: HTMLElement): LeafletMap;
  geoJSON(value: unknown, options: object): Layer;
  tileLayer(url: string, options: object): Layer;
  circleMarker(at: unknown, options: object): Layer;
}

const TILES = 'https://tile.openstreetmap.org/{z}/{x}/{y}.png';
const CREDIT = '© OpenStreetMap contributors';

export async function geojson(): Promise<(place: HTMLElement, env: ViewEnv) => Drawing> {
  await Promise.all([loadScript('leaflet'), loadStyle('leaflet-css')]);
  const { L } = window as unknown as { L: Leaflet };
  return (place, env) => {
    let map: LeafletMap | null = null;
    return {
      draw(value, output) {
        map?.remove();
        const box = document.createElement('div');
        box.className = 'map-output';
        place.replaceChildren(box);
        map = L.map(box);
        const given = (output.metadata?.['application/geo+json'] ?? {}) as Record<string, unknown>;
        const url = given['url_template'];
        if (env.externalImages || typeof url === 'string')
          L.tileLayer(typeof url === 'string' ? url : TILES, { attribution: CREDIT }).addTo(map);
        const layer = L.geoJSON(value, {
          pointToLayer: (_feature: unknown, at: unknown) => L.circleMarker(at, { radius: 6 }),
          onEachFeature: (feature: { properties?: unknown }, shape: Layer) => {
            if (feature.properties) shape.bindPopup(table(feature.properties));
          },
        }).addTo(map);
        const bounds = layer.getBounds();
        if (bounds.isValid()) map.fitBounds(bounds, { maxZoom: 14 });
        else map.setView([0, 0], 1);
      },
      dispose: () => map?.remove(),
    };
  };
}

function table(properties: unknown): HTMLElement {
  const list = document.createElement('dl');
  for (const [name, value] of Object.entries(properties as object).slice(0, 30)) {
    const [term, text] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = name;
    text.textContent = typeof value === 'string' ? value : JSON.stringify(value);
    list.append(term, text);
  }
  return list;
}
