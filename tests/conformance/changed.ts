// A data set in which one run changed since, as a running experiment does: more points, a file with other content, one attribute less.

interface AnyAttribute {
  type: string;
  value?: unknown;
  series?: { length: number; step(index: number): number };
  file?: { sizeBytes: number; read?(start: number, end: number): Uint8Array };
}

const CONTENT = Buffer.from('other content than before');

/** The data with its first run changed, and, unless told otherwise, the time of its last change with it. */
export function withChangedRun<Data extends { projects: { runs: { attributes: ReadonlyMap<string, unknown> }[] }[] }>(
  data: Data,
  { tellsTime = true } = {},
): Data {
  const [project, ...projects] = data.projects;
  const [run, ...runs] = project!.runs;
  const attributes = new Map(run!.attributes as ReadonlyMap<string, AnyAttribute>);
  const first = (wanted: (one: AnyAttribute) => boolean) => [...attributes].find(([, one]) => wanted(one))!;
  const [seriesPath, series] = first(({ type }) => type === 'floatSeries');
  const { length } = series.series!;
  const last = series.series!.step(length - 1);
  attributes.set(seriesPath, {
    ...series,
    series: {
      ...series.series!,
      length: length + 3,
      step: (index) => (index < length ? series.series!.step(index) : last + 1 + index - length),
    },
  });
  const [filePath, file] = first((one) => one.file !== undefined);
  attributes.set(filePath, {
    ...file,
    file: { ...file.file!, sizeBytes: CONTENT.length, read: (start, end) => CONTENT.subarray(start, end) },
  });
  const [lostPath] = [...attributes].find(([path, { type }]) => type === 'float' && !path.startsWith('sys/'))!;
  attributes.delete(lostPath);
  const changed = attributes.get('sys/modification_time') as { value?: bigint } | undefined;
  const time = (changed?.value ?? BigInt(Date.UTC(2025, 0, 1))) + 3_600_000n;
  if (tellsTime) attributes.set('sys/modification_time', { type: 'datetime', value: time });
  return { ...data, projects: [{ ...project, runs: [{ ...run, attributes }, ...runs] }, ...projects] } as Data;
}
