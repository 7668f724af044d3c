// Demo servers of the sample projects, by Neptune version.

import type { DemoServer } from './http-server.ts';

export type SampleVersion = 'neptune2' | 'neptune3';

/** A running server of a sample project. */
export interface SampleServer extends Pick<DemoServer, 'url' | 'token' | 'counts' | 'close'> {
  /** Path of the sample project. */
  project: string;
}

/**
 * Starts a server of the version's sample project.
 * @param port 0: a free one
 * @throws Error of node:net, e.g. if the port is taken
 */
export async function sampleServer(version: SampleVersion, port: number): Promise<SampleServer> {
  if (version === 'neptune2') {
    const { startNeptune2DemoServer } = await import('./neptune2/server.ts');
    const { NEPTUNE2_SAMPLE_PROJECT, neptune2SampleProject } = await import('./neptune2/sample-project.ts');
    const server = await startNeptune2DemoServer({ data: neptune2SampleProject(), port });
    return { ...server, project: NEPTUNE2_SAMPLE_PROJECT };
  }
  const { startDemoServer } = await import('./server.ts');
  const { SAMPLE_PROJECT, sampleProject } = await import('./sample-project.ts');
  return { ...(await startDemoServer({ data: sampleProject(), port })), project: SAMPLE_PROJECT };
}
