// `load`: from an archive on disk into a target such as MLflow.

import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ExporterError } from '../../model/errors.ts';
import type { TargetName } from '../../targets/registry.ts';
import type { CollisionPolicy } from '../../targets/step-collisions.ts';
import type { Bind, CliContext } from '../context.ts';
import { createErrorReport } from '../error-report.ts';
import { EXIT } from '../errors.ts';
import { keepYoungSpaceSmall } from '../heap.ts';
import { type LoadReport, loadLines } from '../load-report.ts';
import * as shared from '../options.ts';
import { withProgress } from '../progress.ts';
import { addTargetOptions, loaderOption, settingsOf, type TargetOptions } from '../target-options.ts';

const POLICIES = ['stop', 'keep-first', 'keep-last'] as const satisfies readonly CollisionPolicy[];
const DEFAULT_CONCURRENCY = 4;
const MAX_CONCURRENCY = 32;

interface LoadOptions extends shared.CommonOptions, TargetOptions {
  loader: TargetName;
  projectIds: string[];
  runs: string[];
  dataPath: string;
  filesPath: string;
  stepMultiplier: bigint | 'auto';
  onStepCollision: CollisionPolicy;
  dryRun: boolean;
  concurrency: number;
  errorReportFile: string;
  progress: boolean;
  json: boolean;
}

const EXAMPLES = [
  ['Into an MLflow server', 'neptune-exporter load --loader mlflow --mlflow-tracking-uri "http://localhost:5000"'],
  ['Into a local MLflow database', 'neptune-exporter load --loader mlflow --mlflow-tracking-uri sqlite:///mlflow.db'],
  [
    'What would be made, altered and skipped, without sending anything',
    'neptune-exporter load --loader mlflow --mlflow-tracking-uri "http://localhost:5000" --dry-run',
  ],
  ['Into Weights & Biases', 'neptune-exporter load --loader wandb --wandb-entity my-org'],
  [
    'Into Comet; the key is in COMET_API_KEY or ~/.comet.config',
    'neptune-exporter load --loader comet --comet-workspace "my-team"',
  ],
  ['Into ZenML, as `zenml login` left it', 'neptune-exporter load --loader zenml'],
  ['Only two runs', 'neptune-exporter load --loader mlflow -r "RUN-123" -r "RUN-456"'],
  ['Steps with three decimals become whole numbers', 'neptune-exporter load --loader mlflow --step-multiplier 1000'],
  ['As exact as the steps are', 'neptune-exporter load --loader mlflow --step-multiplier auto'],
] as const;

/** The command `load`. */
export function loadCommand(bind: Bind): Command {
  const command = new Command('load')
    .description('Load an archive into a target. Runs that were loaded are skipped, half-loaded ones are completed.')
    .addOption(loaderOption('where to').makeOptionMandatory())
    .addOption(shared.manyOption('-p, --project-ids <path>', 'only this project, as workspace/project'))
    .addOption(shared.manyOption('-r, --runs <run id>', 'only this run: the exact id'));
  shared.addDataPath(command);
  shared.addFilesPath(command, 'folder of the downloaded files');
  command
    .addOption(
      new Option(
        '--step-multiplier <n>',
        'target step = Neptune step times this whole number; auto: the smallest power of ten that makes all steps whole',
      )
        .default(1n, '1')
        .argParser((value) => (value.toLowerCase() === 'auto' ? 'auto' : shared.positiveInteger(value))),
    )
    .addOption(
      new Option(
        '--on-step-collision <policy>',
        `what becomes of points of a series that fall on one step: ${POLICIES.join(', ')}`,
      )
        .default('stop')
        .argParser(shared.choice(POLICIES)),
    )
    .option('--dry-run', 'send nothing: say what would be made, altered and skipped', false);
  addTargetOptions(command).addOption(
    new Option('--concurrency <n>', 'runs loaded at the same time')
      .default(DEFAULT_CONCURRENCY)
      .argParser(shared.wholeNumber(1, MAX_CONCURRENCY)),
  );
  shared.addErrorReport(command);
  shared.addLogging(command);
  shared.addNoProgress(command);
  shared.addJson(command);
  return shared.addExamples(command, EXAMPLES).action(bind(runLoad));
}

async function runLoad(options: LoadOptions, context: CliContext): Promise<number> {
  keepYoungSpaceSmall();
  const { terminal, redactor, env } = context;
  const { findArchive, openArchive } = await import('../../archive/reader.ts');
  const dataPath = resolve(options.dataPath);
  const models = (await findArchive(dataPath, { scope: 'models' }).catch(() => undefined)) !== undefined;
  const archive = await openArchive(dataPath).catch((error: unknown) => {
    if (!models) throw error;
    throw new ExporterError('archive', `The folder ${dataPath} holds models only, and no target takes them.`, {
      hint: 'Give the folder of the runs, by default ./exports/data.',
    });
  });
  const log = context.openLog(options);
  const signal = context.interruptSignal();
  const errors = createErrorReport(options.errorReportFile, redactor.redact);
  const { createTarget } = await import('../../targets/registry.ts');
  const { loadArchive } = await import('../../transfer/load.ts');
  const target = await createTarget(options.loader, { ...settingsOf(options), logger: log, signal }, env);
  const started = performance.now();
  terminal.line(`${options.dryRun ? 'Planning to load' : 'Loading'} ${archive.dataPath} into ${target.address}.`);
  if (models) terminal.line('Only runs are loaded: the models in this folder, and their versions, are not.');
  try {
    const live = terminal.live && options.progress;
    const chosen = {
      archive,
      target,
      ...(options.projectIds.length > 0 ? { projects: options.projectIds } : {}),
      ...(options.runs.length > 0 ? { runs: options.runs } : {}),
      stepMultiplier: options.stepMultiplier,
      onStepCollision: options.onStepCollision,
      signal,
    };
    if (options.dryRun) {
      const { planLoad } = await import('../../transfer/load-plan.ts');
      const { isFeasible, planJson, planLines } = await import('../plan-report.ts');
      const plan = await withProgress({ terminal, verb: 'planning', live }, (progress) =>
        planLoad({ ...chosen, progress }),
      );
      if (options.json) terminal.result(planJson(plan, target.address));
      else terminal.result(planLines(plan, target.address, target.valueNotes).join('\n'));
      return isFeasible(plan, options.onStepCollision === 'stop') ? EXIT.ok : EXIT.incomplete;
    }
    const result = await withProgress({ terminal, verb: 'loading', live }, (progress) =>
      loadArchive({
        ...chosen,
        filesPath: resolve(options.filesPath),
        concurrency: options.concurrency,
        progress,
        errorReport: errors,
        logger: log,
      }),
    );
    const report: LoadReport = {
      ...result,
      target: target.address,
      seconds: Math.round(performance.now() - started) / 1000,
      errors: errors.count,
      errorReport: errors.count > 0 ? errors.path : null,
      logFile: log.path ?? null,
    };
    for (const line of loadLines(report, options.loader)) terminal.line(line);
    if (options.json) terminal.result(JSON.stringify(report, null, 2));
    return report.failed > 0 ? EXIT.incomplete : EXIT.ok;
  } finally {
    await target.close();
  }
}
