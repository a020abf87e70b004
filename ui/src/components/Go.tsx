// A link inside the product for places where there are hundreds: its
// address is put together from text, and nothing watches the router for it.

import { useRouter } from '@tanstack/react-router';
import { createContext, type MouseEvent, type ReactNode, use } from 'react';
import { stringifySearch } from '../lib/url-state';

/** What every link carries on: whose things are shown. */
export type ScopeSearch = Partial<Record<'environment' | 'cluster' | 'ns', string>>;

export const CarriedScope = createContext<ScopeSearch>({});

/** The address of a page in the scope at hand. */
export function address(
  path: string,
  scope: ScopeSearch,
  search?: Record<string, string | undefined>,
): string {
  return `${path}${stringifySearch({ ...scope, ...search })}`;
}

const HOVER_MS = 60;

export function Go({
  to,
  search,
  className,
  title,
  onClick,
  isHere,
  label,
  children,
}: {
  /** The path, its parts escaped. */
  to: string;
  search?: Record<string, string | undefined>;
  className?: string | undefined;
  title?: string | undefined;
  onClick?: () => void;
  /** It leads to the page that is shown. */
  isHere?: boolean;
  /** Where what is seen does not say it. */
  label?: string;
  children: ReactNode;
}) {
  const router = useRouter();
  const href = address(to, use(CarriedScope), search);
  const go = (event: MouseEvent) => {
    onClick?.();
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!isPlain || event.altKey || event.defaultPrevented) return;
    event.preventDefault();
    router.history.push(href);
  };
  /** Whoever rests on it will soon want its page. */
  const rest = (event: MouseEvent<HTMLElement>) => {
    const link = event.currentTarget;
    setTimeout(() => {
      if (link.matches(':hover')) router.preloadRoute({ to: href } as never).catch(() => undefined);
    }, HOVER_MS);
  };
  return (
    <a
      href={href}
      className={className}
      title={title}
      aria-label={label}
      aria-current={isHere ? 'page' : undefined}
      onClick={go}
      onMouseEnter={rest}
    >
      {children}
    </a>
  );
}
