import type { ComponentPropsWithRef } from 'react';

/** A button that looks like nothing until its class says how. */
export function PlainButton({ className, ...rest }: ComponentPropsWithRef<'button'>) {
  return <button type="button" {...rest} className={className ? `plain ${className}` : 'plain'} />;
}
