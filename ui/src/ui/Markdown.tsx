// Advisory text is written by strangers. This reads a small, safe part of
// Markdown straight into elements: no raw HTML, no images, and links only
// to http(s).

import { Fragment, type ReactNode } from 'react';
import classes from './Markdown.module.css';

export function isSafeLink(target: string): boolean {
  return /^https?:\/\/[^\s]+$/i.test(target);
}

const INLINE =
  /(`+)([^`]+?)\1|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|!?\[([^\]]{0,500})\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)[^)]*\)|<?(https?:\/\/[^\s<>)\]]*[^\s<>)\].,;:!?'"])>?/g;

function External({ href, children }: { href: string; children: ReactNode }) {
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

function inline(text: string): ReactNode[] {
  const out: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) out.push(text.slice(from, match.index));
    from = match.index + match[0].length;
    const [whole, , code, strong, strongToo, emphasis, label, target, bare] = match;
    const key = match.index;
    if (code !== undefined) out.push(<code key={key}>{code}</code>);
    else if (strong ?? strongToo) out.push(<strong key={key}>{strong ?? strongToo}</strong>);
    else if (emphasis) out.push(<em key={key}>{emphasis}</em>);
    else if (bare) {
      out.push(
        <External key={key} href={bare}>
          {bare}
        </External>,
      );
    } else if (target !== undefined) {
      const words = label || target;
      // A picture becomes its alternative text; nothing is loaded.
      if (whole.startsWith('!') || !isSafeLink(target)) out.push(words);
      else {
        out.push(
          <External key={key} href={target}>
            {words}
          </External>,
        );
      }
    }
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}

type Block =
  | { kind: 'heading'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'list'; ordered: boolean; items: string[] }
  | { kind: 'quote'; text: string }
  | { kind: 'paragraph'; text: string };

const MAX_CHARACTERS = 20_000;

export function blocks(source: string): Block[] {
  const out: Block[] = [];
  const lines = source.slice(0, MAX_CHARACTERS).replaceAll('\r\n', '\n').split('\n');
  let open: Block | undefined;
  const close = () => {
    if (open) out.push(open);
    open = undefined;
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const fence = /^\s*(```+|~~~+)/.exec(line)?.[1];
    const heading = /^\s{0,3}#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    const bullet = /^\s*(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/.exec(line);
    const quote = /^\s{0,3}>\s?(.*)$/.exec(line)?.[1];
    if (fence) {
      close();
      const code: string[] = [];
      for (at += 1; at < lines.length && !(lines[at] ?? '').trim().startsWith(fence); at += 1) {
        code.push(lines[at] ?? '');
      }
      out.push({ kind: 'code', text: code.join('\n') });
    } else if (line.trim() === '' || /^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) close();
    else if (heading !== undefined) {
      close();
      out.push({ kind: 'heading', text: heading });
    } else if (bullet) {
      const ordered = bullet[1] !== undefined;
      if (open?.kind !== 'list' || open.ordered !== ordered) {
        close();
        open = { kind: 'list', ordered, items: [] };
      }
      if (open.kind === 'list') open.items.push(bullet[2] ?? '');
    } else if (quote !== undefined) {
      if (open?.kind === 'quote') open.text += ` ${quote}`;
      else {
        close();
        open = { kind: 'quote', text: quote };
      }
    } else if (open?.kind === 'list') {
      open.items[open.items.length - 1] += ` ${line.trim()}`;
    } else if (open?.kind === 'paragraph') open.text += ` ${line.trim()}`;
    else {
      close();
      open = { kind: 'paragraph', text: line.trim() };
    }
  }
  close();
  return out;
}

function Rendered({ block }: { block: Block }) {
  if (block.kind === 'heading') return <p className={classes.heading}>{inline(block.text)}</p>;
  if (block.kind === 'code') {
    return (
      <pre className={classes.code}>
        <code>{block.text}</code>
      </pre>
    );
  }
  if (block.kind === 'quote') return <blockquote>{inline(block.text)}</blockquote>;
  if (block.kind === 'list') {
    const items = block.items.map((item, index) => <li key={index}>{inline(item)}</li>);
    return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
  }
  return <p>{inline(block.text)}</p>;
}

/** One line of text: code, emphasis and links, no blocks. */
export function Inline({ children }: { children: string }) {
  return <span className={classes.markdown}>{inline(children.slice(0, MAX_CHARACTERS))}</span>;
}

export function Markdown({ children }: { children: string }) {
  return (
    <div className={classes.markdown}>
      {blocks(children).map((block, index) => (
        <Fragment key={index}>
          <Rendered block={block} />
        </Fragment>
      ))}
    </div>
  );
}
