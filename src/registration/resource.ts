import { diag } from '@opentelemetry/api';
import { readList, type Environment } from '../environment';
import type { Resource } from '../record';
import { loadFromApplication } from './application-modules';

type Detector = object;

/** What is used of `@opentelemetry/resources`, the same in both SDK lines. */
export interface ResourcesModule {
  defaultResource(): Resource;
  detectResources(config: { detectors: Detector[] }): Resource;
  readonly envDetector: Detector;
  readonly hostDetector: Detector;
  readonly osDetector: Detector;
  readonly processDetector: Detector;
  readonly serviceInstanceIdDetector: Detector;
}

const VARIABLE = 'OTEL_NODE_RESOURCE_DETECTORS';

// As `@opentelemetry/auto-instrumentations-node` names them. These ask the network, or the file system of a container: only who names one gets it.
const PACKAGES: Readonly<Record<string, { readonly name: string; readonly detectors: readonly string[] }>> = {
  container: { name: '@opentelemetry/resource-detector-container', detectors: ['containerDetector'] },
  alibaba: { name: '@opentelemetry/resource-detector-alibaba-cloud', detectors: ['alibabaCloudEcsDetector'] },
  aws: { name: '@opentelemetry/resource-detector-aws', detectors: ['awsEc2Detector', 'awsEcsDetector', 'awsEksDetector', 'awsBeanstalkDetector', 'awsLambdaDetector'] },
  azure: { name: '@opentelemetry/resource-detector-azure', detectors: ['azureAppServiceDetector', 'azureFunctionsDetector', 'azureVmDetector'] },
  gcp: { name: '@opentelemetry/resource-detector-gcp', detectors: ['gcpDetector'] },
};

/** The resource that `NodeSDK` makes by itself: `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`, process and host, or what `OTEL_NODE_RESOURCE_DETECTORS` names. Parts of it settle later. */
export function resourceFromEnvironment(resources: ResourcesModule, environment: Environment = process.env): Resource {
  return resources.defaultResource().merge(resources.detectResources({ detectors: detectorsFrom(resources, environment) }));
}

function detectorsFrom(resources: ResourcesModule, environment: Environment): Detector[] {
  const { envDetector: env, hostDetector: host, osDetector: os, processDetector, serviceInstanceIdDetector: serviceinstance } = resources;
  const builtIn: Readonly<Record<string, Detector>> = { env, host, os, process: processDetector, serviceinstance };
  const names = readList(environment, VARIABLE);
  if (names === undefined) {
    return [env, processDetector, host];
  }
  if (names.includes('none')) {
    return [];
  }
  return names.includes('all') ? Object.values(builtIn) : names.flatMap((name) => (Object.hasOwn(builtIn, name) ? [builtIn[name] as Detector] : detectorsOfPackage(name)));
}

function detectorsOfPackage(name: string): Detector[] {
  const wanted = Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined;
  if (wanted === undefined) {
    diag.warn(`otel-log-queue: ${VARIABLE} does not know ${JSON.stringify(name)}; ignored`);
    return [];
  }
  const loaded = loadFromApplication(wanted.name)?.exports as Readonly<Record<string, Detector | undefined>> | undefined;
  if (loaded === undefined) {
    diag.warn(`otel-log-queue: ${VARIABLE} names '${name}', which needs ${wanted.name}; ignored`);
  }
  return wanted.detectors.flatMap((detector) => loaded?.[detector] ?? []);
}
