// An attribute with its value as the message ProtoAttributeDTO; field numbers are Neptune's.

import { aggregatesOf } from './aggregates.ts';
import type { DemoAttribute, DemoFile, DemoHistogram, FloatSeries, Series } from './dataset.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';

/** Writes the attribute as the given field of the message at hand. */
export function writeAttribute(out: ProtobufWriter, field: number, name: string, attribute: DemoAttribute): void {
  out.message(field, () => {
    out.string(1, name);
    out.string(2, attribute.type);
    const properties = (number: number, write: () => void) =>
      out.message(number, () => {
        out.string(1, name);
        out.string(2, attribute.type);
        write();
      });
    writeProperties(out, attribute, properties);
  });
}

function writeProperties(
  out: ProtobufWriter,
  attribute: DemoAttribute,
  properties: (field: number, write: () => void) => void,
): void {
  switch (attribute.type) {
    case 'int':
      properties(3, () => out.int(3, attribute.value));
      break;
    case 'float':
      properties(4, () => out.double(3, attribute.value));
      break;
    case 'string':
      properties(5, () => out.string(3, attribute.value));
      break;
    case 'bool':
      properties(6, () => out.bool(3, attribute.value));
      break;
    case 'datetime':
      properties(7, () => out.int(3, attribute.value));
      break;
    case 'stringSet':
      properties(8, () => {
        for (const item of attribute.value) out.stringAlways(3, item);
      });
      break;
    case 'floatSeries':
      properties(9, () => writeAggregates(out, attribute.series));
      break;
    case 'fileRef':
      properties(10, () => {
        out.string(3, attribute.file.path);
        out.int(4, attribute.file.sizeBytes);
        out.string(5, attribute.file.mimeType);
      });
      break;
    case 'stringSeries':
      properties(11, () => writeLast(out, attribute.series, (value) => out.stringAlways(4, value)));
      break;
    case 'fileRefSeries':
      properties(12, () => writeLast(out, attribute.series, (value) => writeFileRef(out, 4, value)));
      break;
    case 'histogramSeries':
      properties(13, () => writeLast(out, attribute.series, (value) => writeHistogram(out, 4, value)));
      break;
  }
}

function writeAggregates(out: ProtobufWriter, series: FloatSeries): void {
  const { lastStep, last, min, max, average, variance, hasPreview } = aggregatesOf(series);
  for (const [index, value] of [lastStep, last, min, max, average, variance].entries()) {
    if (value !== undefined) out.doubleAlways(3 + index, value);
  }
  out.bool(10, hasPreview);
}

function writeLast<T>(out: ProtobufWriter, series: Series<T>, write: (value: T) => void): void {
  if (series.length === 0) return;
  out.doubleAlways(3, series.step(series.length - 1));
  write(series.value(series.length - 1));
}

/** ProtoFileRef */
export function writeFileRef(out: ProtobufWriter, field: number, file: DemoFile): void {
  out.message(field, () => {
    out.string(1, file.path);
    out.int(2, file.sizeBytes);
    out.string(3, file.mimeType);
  });
}

/** ProtoHistogram */
export function writeHistogram(out: ProtobufWriter, field: number, histogram: DemoHistogram): void {
  out.message(field, () => {
    out.string(1, histogram.type);
    out.doubles(2, histogram.edges);
    out.doubles(3, histogram.values);
  });
}
