// How an export begins: token, folders and log, in this order, so that what is wrong is told before anything is made.

import type { CliContext } from './context.ts';
import type { ExportJob, Surroundings } from './export-job.ts';
import type { BaseExportOptions } from './export-options.ts';
import { makeFolder } from './folders.ts';
import { keepYoungSpaceSmall } from './heap.ts';
import type { Access } from './neptune.ts';

/** Set and not empty: the certificate of the Neptune server is not checked, as in the official client. */
const SELF_SIGNED = 'NEPTUNE_ALLOW_SELF_SIGNED_CERTIFICATE';

/** What of a job does not depend on what is exported. */
type StartedJob = Omit<ExportJob, 'exporter' | 'projects' | 'filter' | 'selection'>;

/** Makes ready, and tells the warnings. @throws ExporterError `token_missing`, `token_invalid`, `disk` */
export async function startExport(
  options: BaseExportOptions,
  context: CliContext,
  warnings: readonly string[],
): Promise<{ job: StartedJob; access: Access; around: Surroundings }> {
  keepYoungSpaceSmall();
  const { parseApiToken } = await import('../sources/token.ts');
  const token = parseApiToken(options.apiToken ?? context.env.NEPTUNE_API_TOKEN).text;
  const dataPath = await makeFolder(options.dataPath);
  const filesPath = await makeFolder(options.filesPath);
  const log = context.openLog(options);
  for (const warning of warnings) log.warn(warning);
  const insecure = Boolean(context.env[SELF_SIGNED]);
  if (insecure) log.warn(`${SELF_SIGNED} is set: the certificate of the Neptune server is not checked`);
  const signal = context.interruptSignal();
  const { concurrency, retrySeconds, errorReportFile, progress: live, refresh, acceptPartial } = options;
  return {
    job: {
      token,
      insecure,
      dataPath,
      filesPath,
      concurrency,
      retrySeconds,
      errorReportFile,
      live,
      refresh,
      acceptPartial,
    },
    access: { token, insecure, signal },
    around: { context, log, signal },
  };
}
