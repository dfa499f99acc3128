import type { IStudioClient } from './client';

/** A run: a trial component, and what the job it is of says. Times are in seconds since 1970. */
export interface IRun {
  name: string;
  displayName: string;
  arn: string;
  /** The ARN of its job, or nothing. */
  source: string;
  status: string;
  created: number;
  /** NaN where it is not known, as is `ended`. */
  started: number;
  ended: number;
}

/** A parameter that some runs have. */
export interface IParameterSummary {
  name: string;
  runs: number;
  values: number;
}

/** Runs, latest first, and the values of some of their parameters. */
export interface IRunTable {
  runs: readonly IRun[];
  /** Whether there are earlier runs. */
  truncated: boolean;
  parameters: readonly IParameterSummary[];
  /** By name; as many values as there are runs, `null` where a run does not have it. */
  texts: ReadonlyMap<string, readonly (string | null)[]>;
}

/** A metric of many runs; NaN where a run does not have it. */
export interface IMetricColumn {
  last: Float64Array;
  min: Float64Array;
  max: Float64Array;
}

/** What the horizontal axis of a window counts. */
export type WindowAxis = 'Step' | 'Time' | 'RelativeTime';

/** Which part of which metric of which runs is drawn, and how finely. */
export interface ICurveQuery {
  runs: readonly string[];
  metric: string;
  maxPoints: number;
  window?: { axis: WindowAxis; start: number; end: number } | null;
}

/**
 * A metric of a run as it is drawn. Where there are `minima` and `maxima`, each point stands for
 * the stretch that it ends; else for itself.
 */
export interface ICurve {
  run: string;
  /** How many points there are in all. */
  count: number;
  /** The time of the first of them, in seconds since 1970. */
  origin: number;
  steps: Float64Array;
  times: Float64Array;
  values: Float64Array;
  minima: Float64Array | null;
  maxima: Float64Array | null;
}

/** Read runs; all of them where `names` is null. */
export async function fetchRunTable(
  client: IStudioClient,
  names: readonly string[] | null,
  parameters: readonly string[]
): Promise<IRunTable> {
  const { Runs, Truncated, ParameterSummaries, Parameters } =
    await client.call<IRunTableAnswer>('mlstudio', 'GetRunTable', {
      ...(names === null ? {} : { TrialComponentNames: names }),
      ...(parameters.length === 0 ? {} : { ParameterNames: parameters })
    });
  const [created, started, ended] = [
    doubles(Runs.CreationTimes),
    doubles(Runs.StartTimes),
    doubles(Runs.EndTimes)
  ];
  return {
    runs: Runs.TrialComponentNames.map((name, index) => ({
      name,
      displayName: Runs.DisplayNames[index] ?? name,
      arn: Runs.TrialComponentArns[index] ?? '',
      source: Runs.SourceArns[index] ?? '',
      status: Runs.Statuses[index] ?? '',
      created: created[index] ?? NaN,
      started: started[index] ?? NaN,
      ended: ended[index] ?? NaN
    })),
    truncated: Truncated,
    parameters: ParameterSummaries.map(each => ({
      name: each.ParameterName,
      runs: each.RunCount,
      values: each.ValueCount
    })),
    texts: new Map(
      Parameters.map(({ ParameterName, Texts, Codes }) => [
        ParameterName,
        Array.from(integers(Codes), code => Texts[code] ?? null)
      ])
    )
  };
}

/** Read metrics of runs, in the order of the runs. */
export async function fetchRunMetrics(
  client: IStudioClient,
  runs: readonly string[],
  metrics: readonly string[]
): Promise<ReadonlyMap<string, IMetricColumn>> {
  if (runs.length === 0 || metrics.length === 0) {
    return new Map();
  }
  const { Metrics } = await client.call<IMetricsAnswer>(
    'mlstudio',
    'GetRunMetrics',
    { TrialComponentNames: runs, MetricNames: metrics }
  );
  return new Map(
    Metrics.map(({ MetricName, Last, Minima, Maxima }) => [
      MetricName,
      { last: doubles(Last), min: doubles(Minima), max: doubles(Maxima) }
    ])
  );
}

/** Read the names of the metrics of runs; of all where `runs` is null. */
export async function fetchMetricNames(
  client: IStudioClient,
  runs: readonly string[] | null
): Promise<readonly string[]> {
  if (runs?.length === 0) {
    return [];
  }
  const { MetricNames } = await client.call<{ MetricNames: string[] }>(
    'mlstudio',
    'ListRunMetricNames',
    runs === null ? {} : { TrialComponentNames: runs }
  );
  return MetricNames;
}

/** Read a metric of runs as curves; a run without it has none. */
export async function fetchCurves(
  client: IStudioClient,
  query: ICurveQuery
): Promise<readonly ICurve[]> {
  if (query.runs.length === 0) {
    return [];
  }
  const { window } = query;
  const { Series } = await client.call<{ Series: ISeriesAnswer[] }>(
    'mlstudio',
    'GetRunSeries',
    {
      TrialComponentNames: query.runs,
      MetricName: query.metric,
      MaxPoints: query.maxPoints,
      ...(window
        ? { Axis: window.axis, Start: window.start, End: window.end }
        : {})
    }
  );
  return Series.map(each => ({
    run: each.TrialComponentName,
    count: each.Count,
    origin: each.Origin,
    steps: doubles(each.Steps),
    times: doubles(each.Times),
    values: doubles(each.Values),
    minima: each.Minima === undefined ? null : doubles(each.Minima),
    maxima: each.Maxima === undefined ? null : doubles(each.Maxima)
  }));
}

interface IRunTableAnswer {
  Runs: {
    TrialComponentNames: string[];
    DisplayNames: string[];
    TrialComponentArns: string[];
    SourceArns: string[];
    Statuses: string[];
    CreationTimes: string;
    StartTimes: string;
    EndTimes: string;
  };
  Truncated: boolean;
  ParameterSummaries: {
    ParameterName: string;
    RunCount: number;
    ValueCount: number;
  }[];
  Parameters: { ParameterName: string; Texts: string[]; Codes: string }[];
}

interface IMetricsAnswer {
  Metrics: {
    MetricName: string;
    Last: string;
    Minima: string;
    Maxima: string;
  }[];
}

interface ISeriesAnswer {
  TrialComponentName: string;
  Count: number;
  Origin: number;
  Steps: string;
  Times: string;
  Values: string;
  Minima?: string;
  Maxima?: string;
}

/** Read base64 of little-endian doubles, which is how all machines with a browser have them. */
function doubles(packed: string): Float64Array {
  return new Float64Array(bytes(packed));
}

function integers(packed: string): Int32Array {
  return new Int32Array(bytes(packed));
}

function bytes(packed: string): ArrayBuffer {
  const text = atob(packed);
  const found = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    found[index] = text.charCodeAt(index);
  }
  return found.buffer;
}
