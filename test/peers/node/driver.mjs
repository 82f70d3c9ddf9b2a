// What the drivers of peers have in common: each line of the standard input is a
// request {n, op, ...}, each line of the output its answer {n, result} or
// {n, error}. Requests run at once, as they come.
import { createInterface } from 'node:readline';

export function serve(operations) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const request = JSON.parse(line);
    const answer = { n: request.n };
    try {
      answer.result = (await operations[request.op](request)) ?? null;
    } catch (err) {
      answer.error = String(err?.stack ?? err);
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  });
  lines.on('close', async () => {
    await operations.close?.();
    process.exit(0);
  });
}
