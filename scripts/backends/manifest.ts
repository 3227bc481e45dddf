export const BACKENDS = ['collector', 'loki', 'victorialogs'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** Where a server for the tests comes from. */
export interface BackendSource {
  /** The environment variable with the path of a program to use instead. */
  readonly binaryVariable: string;
  readonly version: string;
  /** File name of the program. */
  readonly program: string;
  /** Why it is not built: it has to be given by `binaryVariable`. Undefined where it is built. */
  readonly notBuilt?: string;
}

export const SOURCES: Readonly<Record<BackendName, BackendSource>> = {
  collector: { binaryVariable: 'OTELCOL_BIN', version: '0.158.0', program: 'otelcol-test' },
  victorialogs: { binaryVariable: 'VICTORIA_LOGS_BIN', version: '1.52.1', program: 'victoria-logs' },
  loki: {
    binaryVariable: 'LOKI_BIN',
    // What the tests were written for.
    version: '3.7.6',
    program: 'loki',
    // Its licence is the AGPL: whether to have it on a machine is for its owner to say. The tests talk to it over HTTP alone.
    notBuilt: 'Loki is under the AGPL and is not built here: give its program by LOKI_BIN, or a running one by LOKI_URL',
  },
};

/**
 * What the Collector Builder makes the test Collector of, all of one release.
 *
 * It has no `lokireceiver`: not every Go module proxy serves it. A Collector that has one, as otelcol-contrib, can be given by `OTELCOL_BIN`.
 */
export const COLLECTOR_MANIFEST = `dist: { module: local/otelcol-test, name: otelcol-test, version: 0.158.0, output_path: ./build, build_tags: grpcnotrace }
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver v0.158.0
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/receiver/otlpjsonfilereceiver v0.158.0
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter v0.158.0
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/envprovider v1.64.0
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider v1.64.0
`;

export const COLLECTOR_BUILDER = 'go.opentelemetry.io/collector/cmd/builder@v0.158.0';
export const VICTORIA_LOGS_PACKAGE = 'github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v1.52.1';
