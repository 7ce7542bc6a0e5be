import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

// In the process namespace that unshare has just made: /proc of it, then no privilege, then the image's root.
// The three capabilities are for the way in; a user that is not root holds none of them.
const ENTER = `
mount -t proc proc "$1/proc"
shift
exec setpriv --no-new-privs --clear-groups --inh-caps=-all \\
  --bounding-set=-all,+sys_chroot,+setuid,+setgid \\
  env -i "$@"`;

/** Runs commands of an image as an engine would: its user, environment and folder, as process 1. */
export function createContainer({ root, config }) {
  const [uid = '', gid = uid] = config.User.split(':');
  const start = (args, { environment = {}, root: at = root } = {}) => {
    const settings = { ...Object.fromEntries(config.Env.map(splitSetting)), ...environment };
    const enter = ['/usr/bin/unshare', `--root=${at}`, `--wd=${config.WorkingDir}`, `--setgid=${gid}`];
    const child = spawn(
      'unshare',
      [
        ...['--pid', '--fork', '--kill-child', '--mount', '--propagation', 'private'],
        ...['sh', '-euc', ENTER, 'enter', at],
        ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
        ...[...enter, `--setuid=${uid}`, '--', ...args],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    return new Contained(child);
  };
  return { start, run: (args, options) => start(args, options).ended };
}

function splitSetting(line) {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1)];
}

/** A command that runs in the image. */
class Contained {
  #child;
  output = '';

  constructor(child) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text;
      });
    }
    this.ended = once(child, 'close').then(([code, signal]) => ({ code, signal, output: this.output }));
  }

  /** Its process as this namespace numbers it; itself, it is 1. */
  get pid() {
    const [pid] = childrenOf(this.#child.pid);
    return pid;
  }
}

/** The children of a process, by number. */
export function childrenOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** A field of /proc/PID/status. */
export function statusOf(pid, field) {
  return new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
}
