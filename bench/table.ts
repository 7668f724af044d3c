// Outcomes as the lines of a Markdown table.

import { type Figures, median, type Outcome } from './measure.ts';
import type { Speed } from './micro.ts';

export const HEAD =
  '| work | ours | peer | times as fast (spread) | of its CPU time | of its memory |\n| --- | --- | --- | --- | --- | --- |';

export function line({ name, ours, peer, amount }: Outcome): string {
  const rate = amount ? ` (${short(amount.count / ours.seconds)} ${amount.unit}/s)` : '';
  const cells = [
    name,
    figuresText(ours) + rate,
    peer ? `${peer.name}: ${figuresText(peer.figures)}` : '–',
    peer ? `${median(peer.times).toFixed(1)} ${spread(peer.times)}` : '–',
    peer ? share(peer.cpu) : '–',
    peer ? share(peer.memory) : '–',
  ];
  return `| ${cells.join(' | ')} |`;
}

export const SPEED_HEAD = '\n| part, on one core | ours | peer |\n| --- | --- | --- |';

export function speedLine({ name, unit, values, peer }: Speed): string {
  const text = (values: number[]) => `${short(median(values))} ${unit}${values.length > 1 ? ` ${spread(values)}` : ''}`;
  return `| ${name} | ${text(values)} | ${peer ? `${peer.name}: ${text(peer.values)}` : '–'} |`;
}

function figuresText({ seconds, cpu, peak, requests }: Figures): string {
  const asked = requests === undefined ? '' : `, ${requests} requests`;
  return `${seconds.toFixed(2)} s, ${cpu.toFixed(2)} s CPU, ${peak.toFixed(0)} MiB${asked}`;
}

/** What we take of the peer's, as a fraction. */
function share(ratios: number[]): string {
  const ratio = median(ratios);
  return ratio >= 1 ? `1/${ratio.toFixed(1)}` : `${(1 / ratio).toFixed(1)} ×`;
}

function spread(values: number[]): string {
  return `(${short(Math.min(...values))}–${short(Math.max(...values))})`;
}

/** A number with three figures, or whole. */
function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  return value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
