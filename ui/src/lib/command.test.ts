import { describe, expect, it } from 'vitest';
import { csv, curl, findingsCommand, shell } from './command';

describe('commands to copy', () => {
  it('quote what a shell would read', () => {
    expect(shell("it's; rm -rf ~")).toBe("'it'\\''s; rm -rf ~'");
    expect(shell('kind:alert')).toBe('kind:alert');
  });
  it('ask what the page asks', () => {
    expect(findingsCommand('kind:alert "reverse shell"', 'local')).toBe(
      `seawall findings list -- 'kind:alert "reverse shell"'`,
    );
    expect(findingsCommand('', 'demo', 'csv')).toBe(
      'seawall findings list --environment demo --format csv',
    );
  });
  it('keep the token out of the line', () => {
    const line = curl('https://s.example', '/api/v1/findings', { q: "a'b" });
    expect(line).toBe(
      `curl -H "Authorization: Bearer $SEAWALL_TOKEN" 'https://s.example/api/v1/findings?q=a%27b'`,
    );
  });
});

describe('tables to export', () => {
  it('quote and never become formulas', () => {
    expect(
      csv(
        ['a', 'b'],
        [
          ['x,"y"', '=1+1'],
          [null, 2],
        ],
      ),
    ).toBe(`a,b\r\n"x,""y""",'=1+1\r\n,2\r\n`);
  });
});
