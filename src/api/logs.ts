/** What may have a log, by AWS's name of the kind. */
export type LogKind = 'Endpoint' | 'ProcessingJob' | 'TrainingJob';

/** The resource that a log is of. */
export interface ILogPlace {
  kind: LogKind;
  name: string;
}

/** Streams that are read as one log: some by name, or all whose names start alike. */
export interface ILogScope {
  LogGroupName: string;
  LogStreamNames?: string[];
  LogStreamNamePrefix?: string;
}

/** Where to start to read; at the first line without any of these. */
export interface ILogStart {
  FirstLine?: number;
  FromEnd?: boolean;
  /** In milliseconds since 1970. */
  Time?: number;
  Line?: ILogReference;
}

/** A line, by what never changes of it. */
export interface ILogReference {
  LogStreamName: string;
  StreamLineNumber: number;
}

export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';

export const LOG_LEVELS: readonly LogLevel[] = [
  'DEBUG',
  'INFO',
  'WARNING',
  'ERROR'
];

/** What is looked for in a log. */
export interface ILogQuery {
  Pattern?: string;
  Regex?: boolean;
  MatchCase?: boolean;
  MinimumLevel?: LogLevel;
}

/** A line of a log; `Time` is in milliseconds since 1970. */
export interface ILogLine {
  /** How many lines are before it; unknown while the log is being counted. */
  LineNumber?: number;
  StreamLineNumber?: number;
  Time: number;
  LogStreamName: string;
  /** The line, or its start. */
  Message: string;
  /** How many characters the whole line has. */
  Length: number;
  Level?: LogLevel;
}

/** One or more streams, read as one log. */
export interface ILogDescription {
  /** Changes when lines got other numbers. */
  Order: string;
  /** Absent as long as lines are being counted. */
  LineCount?: number;
  /** How many lines keep their numbers. */
  SettledLineCount?: number;
  ByteCount: number;
  CountedByteCount: number;
  Streams: {
    LogStreamName: string;
    LineCount: number;
    FirstTime?: number;
    LastTime?: number;
  }[];
}

export interface ILogPage {
  Lines: ILogLine[];
  Log: ILogDescription;
}

export interface ILogHits extends ILogPage {
  /** Where to look further; absent at the end. */
  NextLine?: number;
}

/** Return what the logs of a resource are called, or only some streams of them. */
export function logScope(
  { kind, name }: ILogPlace,
  streams: readonly string[] | null = null
): ILogScope {
  const [group, prefix] =
    kind === 'Endpoint'
      ? [`/aws/sagemaker/Endpoints/${name}`, '']
      : [`/aws/sagemaker/${kind}s`, `${name}/`];
  return {
    LogGroupName: group,
    ...(streams
      ? { LogStreamNames: [...streams] }
      : { LogStreamNamePrefix: prefix })
  };
}
