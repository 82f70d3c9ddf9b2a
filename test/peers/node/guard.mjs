// Imported before anything else, it lets a process connect to this machine only:
// whatever would reach another host is refused and noted in the file $FOREIGN.
import net from 'node:net';
import { appendFileSync } from 'node:fs';

const local = new Set(['localhost', '127.0.0.1', '::1', undefined]);
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
  const list = Array.isArray(args[0]) ? args[0] : args; // Node's own calls bring their arguments normalized
  const options = typeof list[0] === 'object' && list[0] !== null ? list[0] : { host: typeof list[1] === 'string' ? list[1] : undefined };
  if (!local.has(options.host)) {
    appendFileSync(process.env.FOREIGN, `${options.host}\n`);
    process.nextTick(() => this.destroy(new Error(`${options.host} is not this machine`)));
    return this;
  }
  return connect.apply(this, args);
};
