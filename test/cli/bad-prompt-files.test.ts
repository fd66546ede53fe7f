import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type CliStack, smallPrompt as prompt, startCliStack } from './cli-stack.ts';

let cli: CliStack;
before(async () => {
  cli = await startCliStack();
  await cli.stack.startWorker();
});
after(() => cli.stop());

describe('a file that darkroom batch does not take', () => {
  const refusalOf = async (name: string, text: string | Uint8Array, ...args: string[]) => {
    writeFileSync(join(cli.folder, name), text);
    const { code, stdout, stderr } = await cli.darkroom('batch', name, ...args);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    return stderr;
  };

  it('is told in a sentence, and nothing was sent', async () => {
    const before = await cli.countBatches();
    assert.match(
      await refusalOf('a.csv', 'promt\nA\n'),
      /^a\.csv has no column "prompt" in its first line; .*\n$/,
    );
    assert.match(await refusalOf('a.csv', 'prompt,qualty\nA,b\n'), /none of a request's: "qualty"; .*\n$/);
    assert.match(await refusalOf('a.csv', 'prompt,prompt\nA,b\n'), /has the column "prompt" twice\.\n$/);
    assert.match(await refusalOf('a.csv', 'prompt\n"A\n'), /cannot be read as a table: .*\n$/);
    assert.match(await refusalOf('a.csv', 'prompt,style\nA\n'), /cannot be read as a table: .*\n$/);
    assert.match(
      await refusalOf('a.ndjson', '{"prompt": "A"}\n{'),
      /^a\.ndjson, line 2: that is no JSON\.\n$/,
    );
    assert.match(
      await refusalOf('a.ndjson', '{"prompt": "A", "dry_run": true}'),
      /no field "dry_run"; .*\n$/,
    );
    assert.match(await refusalOf('a.txt', new Uint8Array([0xff, 0xfe, 65])), /^a\.txt is not UTF-8: .*\n$/);
    assert.match(await refusalOf('a.txt', '\n \n'), /^a\.txt has no prompts\.\n$/);
    assert.match(await refusalOf('a.xlsx', 'PK'), /^Say what is in a\.xlsx: --input csv, .*\n$/);
    assert.equal(await cli.countBatches(), before);
  });

  it('is told with each of its lines that is wrong, whatever is wrong with it', async () => {
    const told = await refusalOf(
      'wrong.csv',
      'prompt,aspect_ratio,deadline_seconds\n"A\nB",7:5,\n,1:1,\nC,1:1,soon\n',
    );

    assert.match(
      told,
      /^Nothing was accepted:\n.* line 2, aspect_ratio: .*\n.* line 4, prompt: .*\n.* line 5, deadline_seconds: .*\n$/,
    );
    const many = await refusalOf('many.csv', `prompt,style\n${',anime\n'.repeat(30)}`, '--dry-run');
    assert.match(many, /many\.csv, line 21, prompt: .*\n {2}… and 10 more\n$/);
    assert.match(await refusalOf('a.ndjson', '{"prompt": " "}'), /a\.ndjson, line 1, prompt: /);
  });

  it('is told by the lines that it has, when the API refuses it, and may be mended', async () => {
    const first = 'prompt,quality\n"A\nB",best\nC,high\nD,worst\n';

    const told = await refusalOf('mend.csv', first, '--out', 'mended');

    assert.match(
      told,
      /^Nothing was accepted:\n {2}mend\.csv, line 2, quality: .*\n {2}mend\.csv, line 5, quality: .*\n/,
    );
    cli.write('mend.csv', `prompt,quality\n${prompt('A')},high\n`);
    assert.equal((await cli.darkroom('batch', 'mend.csv', '--out', 'mended')).code, 0);
  });

  it('that is not there, or no file, ends with 2 and a sentence', async () => {
    for (const [name, why] of [
      ['none.csv', 'none.csv: there is no such file or folder.'],
      ['.', '.: that is a folder.'],
    ] as const) {
      const { code, stderr } = await cli.darkroom('batch', name, '--input', 'csv');

      assert.deepEqual([code, stderr], [2, `${why}\n`]);
    }
  });
});
