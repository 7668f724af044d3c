// Which ZenML servers this program speaks to.

import { ExporterError } from '../../model/errors.ts';
import type { Logger } from '../../model/logger.ts';

/** The version that the tests run against. */
export const TESTED = '0.98.0';
/** Earlier ones call projects workspaces, and have other bodies. */
const OLDEST_MINOR = 80;

/** @throws ExporterError `unsupported` for versions that speak otherwise */
export function checkVersion(version: string, logger: Logger): void {
  const [, major = '', minor = ''] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (major !== '0' || Number(minor) < OLDEST_MINOR) {
    throw new ExporterError(
      'unsupported',
      `The ZenML server has version ${version.slice(0, 40)}, which is not supported.`,
      {
        hint: `Supported are 0.${OLDEST_MINOR} to 0.x, tested with ${TESTED}. Look for a newer neptune-exporter, or update the server.`,
      },
    );
  }
  if (`0.${minor}` !== TESTED.slice(0, TESTED.lastIndexOf('.'))) {
    logger.warn(`The ZenML server has version ${version}; this program is tested with ${TESTED}.`);
  }
}
