// One run, model or version: what it is, all its attributes, single attributes.

import type { Answer } from '../answer.ts';
import { attributeJson, propertiesJson } from './attribute-json.ts';
import { attributeOf, type Container, modelOf } from './catalog.ts';
import type { DemoAttribute2 } from './dataset.ts';
import type { Json } from './json.ts';
import { type Arguments, type Site, siteAnswer } from './operation.ts';

/** getExperiment @throws Refusal 400, 404 */
export function getExperiment(args: Arguments, site: Site): Answer {
  const container = site.catalog.container(args.text('experimentId'));
  const parent = container.type === 'modelVersion' ? modelOf(container) : undefined;
  const { shortId, type } = container;
  return siteAnswer(site, {
    ...placeJson(container),
    shortId,
    type,
    parentId: parent?.id ?? container.project.id,
  });
}

/** getExperimentAttributes: with the values of all that are neither series nor files. @throws Refusal 400, 404 */
export function getExperimentAttributes(args: Arguments, site: Site): Answer {
  const container = site.catalog.container(args.text('experimentId'));
  const attributes = [...container.attributes].map(([name, one]) => attributeJson(container, name, one));
  return siteAnswer(site, { ...placeJson(container), attributes });
}

/** A handler of get<Type>Attribute: the properties of one attribute. */
export function getAttribute(type: DemoAttribute2['type']) {
  return (args: Arguments, site: Site): Answer => {
    const container = site.catalog.container(args.text('experimentId'));
    const name = args.text('attribute');
    return siteAnswer(site, propertiesJson(container, name, attributeOf(container, name, type)));
  };
}

function placeJson({ id, trashed, project }: Container): { readonly [name: string]: Json } {
  return {
    id,
    trashed,
    projectId: project.id,
    projectName: project.name,
    organizationId: project.workspaceId,
    organizationName: project.workspace,
  };
}
