import { type ISignal, Signal } from '@lumino/signaling';

import type { IStudioClient } from '../api/client';
import { RequestError } from '../api/request';
import type { IImage, IShapes, ITrainingJobForm } from '../api/types';
import { check, type Problems } from './constraints';
import {
  isMembers,
  keyOf,
  type Members,
  type Path,
  valueAt,
  withValue
} from './paths';
import { locate } from './refusals';
import { parseUri } from './s3uri';

/** A script of the Jupyter server that is sent along. */
export interface IScript {
  /** Its path, as the file browser has it. */
  path: string;
  /** Whether what lies beside and below it is sent too. */
  folder: boolean;
}

/** Everything that was typed: what a reload must not lose. */
export interface IDraft {
  request: Members;
  script: IScript | null;
  /** Whether the name is the user's own, not made up from the image. */
  isNamed: boolean;
}

const NAME: Path = ['TrainingJobName'];
export const IMAGE: Path = ['AlgorithmSpecification', 'TrainingImage'];
const PROGRAM: Path = ['HyperParameters', 'sagemaker_program'];
const DIRECTORY: Path = ['HyperParameters', 'sagemaker_submit_directory'];

/** Where the problem of the script is kept, which is no member of the request. */
export const SCRIPT: Path = ['script'];

const NO_PROBLEMS: Problems = new Map();

/** A training job that is being described. */
export class JobFormModel {
  constructor(
    private readonly _client: IStudioClient,
    draft: IDraft | null = null
  ) {
    this._draft = draft;
  }

  /** What was typed; null until something was, or what the form begins with is known. */
  get draft(): IDraft | null {
    return this._draft;
  }

  /** What is wrong, by member. */
  get problems(): Problems {
    return this._problems;
  }

  /** What is wrong with none of the members. */
  get failure(): string {
    return this._failure;
  }

  get isBusy(): boolean {
    return this._isBusy;
  }

  /** Whether anything was typed since the form was filled. */
  get isDirty(): boolean {
    return this._isDirty;
  }

  /** Counts refusals: each is a reason to go to the first problem. */
  get refusals(): number {
    return this._refusals;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Begin with what a studio suggests, unless there is something already. */
  suggest(form: ITrainingJobForm): void {
    if (this._draft === null) {
      this._settle({ request: suggestion(form), script: null, isNamed: false });
    }
  }

  /** Begin anew. */
  clear(form: ITrainingJobForm): void {
    this._draft = null;
    this.suggest(form);
  }

  /** Begin anew with a script. */
  begin(form: ITrainingJobForm, path: string): void {
    const scripted = form.images.find(({ hyperparameters: own }) => !own);
    const request = withValue(
      suggestion(form),
      IMAGE,
      scripted?.uri
    ) as Members;
    this._settle({
      request: withValue(request, ['HyperParameters'], undefined) as Members,
      script: { path, folder: false },
      isNamed: false
    });
  }

  /** Fill the form from a request. */
  fill(request: Members): void {
    this._settle({ request, script: null, isNamed: true });
  }

  /** Set a member; undefined removes it. */
  set(path: Path, value: unknown): void {
    const draft = this._draft;
    if (!draft) {
      return;
    }
    const isName = keyOf(path) === keyOf(NAME);
    const request = withValue(draft.request, path, value) as Members;
    this._draft = named({
      ...draft,
      request,
      isNamed: draft.isNamed || isName
    });
    this._touch(path);
  }

  setScript(script: IScript | null): void {
    if (this._draft) {
      this._draft = { ...this._draft, script };
      this._touch(SCRIPT);
    }
  }

  /** The request as it will be sent. */
  request(form: ITrainingJobForm): Members {
    const { request = {}, script = null } = this._draft ?? {};
    const said = withoutEmpty(request);
    return script ? withScript(said, script, form.bucket) : said;
  }

  /** Make the job; resolves to its name, or to null where something is wrong: see `problems`. */
  async submit(form: ITrainingJobForm): Promise<string | null> {
    const draft = this._draft;
    if (!draft || this._isBusy) {
      return null;
    }
    const request = this.request(form);
    const problems = new Map([
      ...check(form.shapes, request),
      ...missing(request, imageOf(request, form.images), draft.script !== null)
    ]);
    if (problems.size > 0) {
      this._refuse(problems, '');
      return null;
    }
    this._isBusy = true;
    this._failure = '';
    this._changed.emit();
    try {
      if (draft.script) {
        await this._send(draft.script, request);
      }
      await this._client.call('sagemaker', 'CreateTrainingJob', request);
      return String(valueAt(request, NAME));
    } catch (reason) {
      this._explain(reason, request, form.shapes);
      return null;
    } finally {
      this._isBusy = false;
      this._changed.emit();
    }
  }

  /** Give the next job a name of its own, once one was made of this draft. */
  rename(): void {
    if (this._draft) {
      const request = withValue(this._draft.request, NAME, '') as Members;
      this._settle({ ...this._draft, request, isNamed: false });
    }
  }

  private async _send(script: IScript, request: Members): Promise<void> {
    const uri = parseUri(String(valueAt(request, DIRECTORY)).slice(1, -1));
    const { bucket = '', key = '' } = uri ?? {};
    const prefix = key.slice(0, key.lastIndexOf('/') + 1);
    try {
      await this._client.sendSource(script.path, script.folder, bucket, prefix);
    } catch (reason) {
      throw reason instanceof RequestError && !reason.disconnected
        ? new ScriptError(reason.message)
        : reason;
    }
  }

  private _explain(reason: unknown, request: Members, shapes: IShapes): void {
    const message = reason instanceof Error ? reason.message : String(reason);
    if (reason instanceof ScriptError) {
      this._refuse(new Map([[keyOf(SCRIPT), message]]), '');
    } else if (reason instanceof RequestError && reason.disconnected) {
      this._refuse(NO_PROBLEMS, message);
    } else {
      const { problems, rest } = locate(message, request, shapes);
      this._refuse(problems, rest);
    }
  }

  private _refuse(problems: Problems, failure: string): void {
    this._problems = problems;
    this._failure = failure;
    this._refusals += 1;
    this._changed.emit();
  }

  private _settle(draft: IDraft): void {
    this._draft = named(draft);
    this._problems = NO_PROBLEMS;
    this._failure = '';
    this._isDirty = false;
    this._changed.emit();
  }

  /** A member has changed: what was wrong with it, or in it, may be right now. */
  private _touch(path: Path): void {
    const key = keyOf(path);
    this._problems = new Map(
      [...this._problems].filter(
        ([each]) => each !== key && !each.startsWith(`${key}.`)
      )
    );
    this._isDirty = true;
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _draft: IDraft | null;
  private _failure = '';
  private _isBusy = false;
  private _isDirty = false;
  private _problems: Problems = NO_PROBLEMS;
  private _refusals = 0;
}

/** The script could not be sent. */
class ScriptError extends Error {}

/** Read a draft that was kept, which may be an older version's. */
export function toDraft(kept: unknown): IDraft | null {
  if (!isMembers(kept) || !isMembers(kept.request)) {
    return null;
  }
  const { request, script, isNamed } = kept;
  return {
    request,
    script:
      isMembers(script) && typeof script.path === 'string'
        ? { path: script.path, folder: script.folder === true }
        : null,
    isNamed: isNamed === true
  };
}

/** The image of the studio that a request names, or that stands for the one it names. */
export function imageOf(
  request: unknown,
  images: readonly IImage[]
): IImage | undefined {
  const wanted = String(valueAt(request, IMAGE) ?? '');
  return images.find(
    ({ aliases, uri }) =>
      uri === wanted ||
      aliases.some(alias => new RegExp(`^(?:${alias})$`).test(wanted))
  );
}

/** The hyperparameters that an image must be told, empty. */
export function requiredOf(image: IImage | undefined): Record<string, string> {
  const required = (image?.hyperparameters ?? []).filter(each => each.required);
  return Object.fromEntries(required.map(({ name }) => [name, '']));
}

function suggestion(form: ITrainingJobForm): Members {
  const image =
    form.images.find(({ hyperparameters }) => hyperparameters) ??
    form.images[0];
  return {
    TrainingJobName: '',
    AlgorithmSpecification: {
      TrainingImage: image?.uri ?? '',
      TrainingInputMode: 'File'
    },
    HyperParameters: requiredOf(image),
    InputDataConfig: [channel('train', '')],
    OutputDataConfig: { S3OutputPath: `s3://${form.bucket}/` },
    ResourceConfig: {
      InstanceType: 'ml.m5.large',
      InstanceCount: 1,
      VolumeSizeInGB: 30
    },
    RoleArn: form.role,
    StoppingCondition: { MaxRuntimeInSeconds: 86_400 }
  };
}

/** A channel that reads what lies below a prefix. */
export function channel(name: string, uri: string): Members {
  return {
    ChannelName: name,
    DataSource: {
      S3DataSource: {
        S3DataType: 'S3Prefix',
        ...(uri ? { S3Uri: uri } : {}),
        S3DataDistributionType: 'FullyReplicated'
      }
    }
  };
}

/** The hyperparameters that an algorithm cannot do without, and a request lacks. */
function missing(
  request: Members,
  image: IImage | undefined,
  hasScript: boolean
): Problems {
  const given = valueAt(request, ['HyperParameters']);
  const scripted = hasScript || valueAt(request, PROGRAM) !== undefined;
  const names = scripted ? [] : Object.keys(requiredOf(image));
  return new Map(
    names
      .filter(name => valueAt(given, [name]) === undefined)
      .map(name => [
        keyOf(['HyperParameters', name]),
        'Member must not be null'
      ])
  );
}

/** A request without the hyperparameters that were left empty. */
function withoutEmpty(request: Members): Members {
  const { HyperParameters: parameters, ...others } = request;
  if (!isMembers(parameters)) {
    return request;
  }
  const said = Object.entries(parameters).filter(([, value]) => value !== '');
  return said.length > 0
    ? (withValue(
        request,
        ['HyperParameters'],
        Object.fromEntries(said)
      ) as Members)
    : others;
}

/** The draft, under a name made of its image and the time unless it has one of its own. */
function named(draft: IDraft, now = new Date()): IDraft {
  const image = String(valueAt(draft.request, IMAGE) ?? '');
  const base = baseOf(image);
  const name = String(valueAt(draft.request, NAME) ?? '');
  const isMade = new RegExp(`^${base}-\\d{4}(-\\d\\d){5}-\\d{3}$`).test(name);
  if (draft.isNamed || isMade) {
    return draft;
  }
  const time = now.toISOString().replace(/[T:.]/g, '-').slice(0, -1);
  return {
    ...draft,
    request: withValue(draft.request, NAME, `${base}-${time}`) as Members
  };
}

/** What an image is called without registry and tag, as far as a name may be so. */
function baseOf(image: string): string {
  const name = image.replace(/[@:][^/]*$/, '').replace(/^.*\//, '');
  const plain = name.replace(/[^a-zA-Z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return plain.slice(0, 39) || 'training-job';
}

/** A request that runs a script, whose values the SDK writes as JSON. */
function withScript(
  request: Members,
  script: IScript,
  bucket: string
): Members {
  const name = String(valueAt(request, NAME) ?? '');
  const program = script.path.slice(script.path.lastIndexOf('/') + 1);
  const uri = `s3://${bucket}/${name}/source/sourcedir.tar.gz`;
  const added = withValue(request, PROGRAM, JSON.stringify(program));
  return withValue(added, DIRECTORY, JSON.stringify(uri)) as Members;
}
