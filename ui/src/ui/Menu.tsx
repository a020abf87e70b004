// A menu of choices under its button. Closed, it is the button and nothing
// else; open, it takes the focus, is steered by arrows, and gives it back.

import {
  type ComponentPropsWithoutRef,
  cloneElement,
  createContext,
  type ElementType,
  type KeyboardEvent,
  type MouseEvent,
  type ReactElement,
  type ReactNode,
  use,
  useId,
  useState,
} from 'react';
import { Float, type Place } from './Float';
import classes from './Menu.module.css';

interface Held {
  id: string;
  anchor: HTMLElement | undefined;
  place: Place;
  width: number | undefined;
  open: (anchor: HTMLElement) => void;
  close: () => void;
  chosen: () => void;
}

const Holder = createContext<Held | undefined>(undefined);

function useHolder(): Held {
  const held = use(Holder);
  if (!held) throw new Error('a part of a menu stands outside of one');
  return held;
}

export function Menu({
  position = 'bottom-start',
  width,
  closeOnItemClick = true,
  onChange,
  children,
}: {
  position?: Place;
  width?: number;
  closeOnItemClick?: boolean;
  onChange?: (isOpen: boolean) => void;
  children: ReactNode;
}) {
  const id = useId();
  const [anchor, setAnchor] = useState<HTMLElement>();
  const close = () => {
    if (!anchor) return;
    setAnchor(undefined);
    onChange?.(false);
    anchor.focus();
  };
  const held: Held = {
    id,
    anchor,
    place: position,
    width,
    open: (element) => {
      setAnchor(element);
      onChange?.(true);
    },
    close,
    chosen: () => closeOnItemClick && close(),
  };
  return <Holder value={held}>{children}</Holder>;
}

function Target({ children }: { children: ReactElement }) {
  const { id, anchor, open, close } = useHolder();
  return cloneElement(children, {
    'aria-haspopup': 'menu',
    'aria-expanded': anchor !== undefined,
    'aria-controls': anchor ? id : undefined,
    onClick: (event: MouseEvent<HTMLElement>) => {
      if (anchor) close();
      else open(event.currentTarget);
    },
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
      if (event.key !== 'ArrowDown' || anchor) return;
      event.preventDefault();
      open(event.currentTarget);
    },
  } as object);
}

const ITEM = '[role^=menuitem]:not([aria-disabled=true])';

function Dropdown({
  className,
  mah,
  children,
}: {
  className?: string | undefined;
  mah?: number;
  children: ReactNode;
}) {
  const { id, anchor, place, width, close } = useHolder();
  if (!anchor) return null;
  const steer = (event: KeyboardEvent<HTMLElement>) => {
    const items = [...event.currentTarget.querySelectorAll<HTMLElement>(ITEM)];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const next = {
      ArrowDown: (at + 1) % items.length,
      ArrowUp: (at + items.length - (at < 0 ? 0 : 1)) % items.length,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    if (next !== undefined) items[next]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <Float
      anchor={anchor}
      place={place}
      onAway={close}
      id={id}
      role="menu"
      className={`${classes.menu} ${className ?? ''}`}
      style={{ width, maxHeight: mah }}
      onKeyDown={steer}
    >
      {children}
    </Float>
  );
}

type ItemProps<C extends ElementType> = {
  component?: C;
  leftSection?: ReactNode;
  rightSection?: ReactNode;
  disabled?: boolean | undefined;
  isDanger?: boolean;
  onClick?: (() => void) | undefined;
  children: ReactNode;
} & Omit<ComponentPropsWithoutRef<C>, 'onClick' | 'children' | 'disabled'>;

function Item<C extends ElementType = 'button'>({
  component,
  leftSection,
  rightSection,
  disabled,
  isDanger,
  onClick,
  children,
  ...rest
}: ItemProps<C>) {
  const { chosen } = useHolder();
  const Tag: ElementType = component ?? 'button';
  return (
    <Tag
      {...(component ? {} : { type: 'button' })}
      role="menuitem"
      tabIndex={-1}
      className={classes.item}
      aria-disabled={disabled || undefined}
      data-danger={isDanger || undefined}
      onClick={(event: MouseEvent) => {
        if (disabled) {
          event.preventDefault();
          return;
        }
        onClick?.();
        chosen();
      }}
      {...rest}
    >
      {leftSection && <span className={classes.side}>{leftSection}</span>}
      <span className={classes.label}>{children}</span>
      {rightSection && <span className={classes.side}>{rightSection}</span>}
    </Tag>
  );
}

function Label({ children }: { children: ReactNode }) {
  return <div className={classes.heading}>{children}</div>;
}

function Divider() {
  return <hr className={classes.line} />;
}

Menu.Target = Target;
Menu.Dropdown = Dropdown;
Menu.Item = Item;
Menu.Label = Label;
Menu.Divider = Divider;
