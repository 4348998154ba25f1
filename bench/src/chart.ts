import type { Curve, SuiteResult } from "./suite.ts";

const BAR_HEIGHT = 28;
const LABEL_WIDTH = 300;
const CHART_WIDTH = 760;
const CURVES = { height: 380, left: 70, right: 230, top: 20, bottom: 50 };
const COLOURS = ["#2b6cb0", "#c05621", "#2f855a", "#805ad5", "#b83280", "#4a5568", "#b7791f", "#2c7a7b"];

/** The chart of a suite as SVG, without script: curves where it has some, bars else. */
export function chartOf(suite: SuiteResult): string {
  return suite.curves === undefined ? barsOf(suite) : curvesOf(suite.name, suite.curves);
}

function barsOf({ name, chart, isLogarithmic = false }: SuiteResult): string {
  const lengthOf = (value: number): number => (isLogarithmic ? Math.log10(1 + value) : value);
  const greatest = lengthOf(Math.max(...chart.map(({ value }) => value)));
  const bars = chart.map(({ label, value }, i) => {
    const width = Math.max(1, (lengthOf(value) / greatest) * (CHART_WIDTH - LABEL_WIDTH - 80));
    const y = i * BAR_HEIGHT + 8;
    return (
      `<text x="${LABEL_WIDTH - 8}" y="${y + 16}" text-anchor="end">${escapeXml(label)}</text>` +
      `<rect x="${LABEL_WIDTH}" y="${y + 3}" width="${width.toFixed(1)}" height="${BAR_HEIGHT - 10}" rx="2" fill="#2b6cb0"/>` +
      `<text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + 16}">${value < 100 ? value.toFixed(1) : value.toFixed(0)}</text>`
    );
  });
  return svgOf(name, chart.length * BAR_HEIGHT + 16, bars);
}

/** Both axes logarithmic: a line that rises by one square a square grows as fast as what it is drawn over. */
function curvesOf(name: string, { x, lines }: { readonly x: string; readonly lines: readonly Curve[] }): string {
  const drawn = lines.map(({ label, points }) => ({ label, points: points.filter(([, y]) => y > 0) }));
  const all = drawn.flatMap(({ points }) => points);
  const decades = (values: readonly number[]): [least: number, most: number] => [
    Math.floor(Math.log10(Math.min(...values))),
    Math.max(Math.ceil(Math.log10(Math.max(...values))), Math.floor(Math.log10(Math.min(...values))) + 1),
  ];
  const [leastX, mostX] = decades(all.map(([value]) => value));
  const [leastY, mostY] = decades(all.map(([, value]) => value));
  const { height, left, right, top, bottom } = CURVES;
  const atX = (value: number): number =>
    left + ((Math.log10(value) - leastX) / (mostX - leastX)) * (CHART_WIDTH - left - right);
  const atY = (value: number): number =>
    height - bottom - ((Math.log10(value) - leastY) / (mostY - leastY)) * (height - top - bottom);
  const grid = [
    ...Array.from({ length: mostX - leastX + 1 }, (_, i) => {
      const value = 10 ** (leastX + i);
      const place = atX(value).toFixed(1);
      return `<path d="M${place} ${top}V${height - bottom}" stroke="#e2e8f0"/><text x="${place}" y="${height - bottom + 18}" text-anchor="middle">${value.toLocaleString("en")}</text>`;
    }),
    ...Array.from({ length: mostY - leastY + 1 }, (_, i) => {
      const value = 10 ** (leastY + i);
      const place = atY(value).toFixed(1);
      return `<path d="M${left} ${place}H${CHART_WIDTH - right}" stroke="#e2e8f0"/><text x="${left - 8}" y="${(atY(value) + 4).toFixed(1)}" text-anchor="end">${value.toLocaleString("en")}</text>`;
    }),
  ];
  const curves = drawn.map(({ label, points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = points.map(([px, py]) => `${atX(px).toFixed(1)} ${atY(py).toFixed(1)}`).join("L");
    const y = top + 8 + i * 20;
    return (
      `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2"/>` +
      points
        .map(([px, py]) => `<circle cx="${atX(px).toFixed(1)}" cy="${atY(py).toFixed(1)}" r="3" fill="${colour}"/>`)
        .join("") +
      `<path d="M${CHART_WIDTH - right + 12} ${y}h18" stroke="${colour}" stroke-width="2"/>` +
      `<text x="${CHART_WIDTH - right + 36}" y="${y + 4}">${escapeXml(label)}</text>`
    );
  });
  const axis = `<text x="${(left + CHART_WIDTH - right) / 2}" y="${height - 10}" text-anchor="middle">${escapeXml(x)}</text>`;
  return svgOf(name, height, [...grid, ...curves, axis]);
}

function svgOf(name: string, height: number, drawn: readonly string[]): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${CHART_WIDTH} ${height}" font-family="sans-serif" font-size="13" role="img" aria-label="${name}">` +
    `<rect width="100%" height="100%" fill="#fff"/>${drawn.join("")}</svg>\n`
  );
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("`", "");
}
