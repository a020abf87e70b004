import { Modal } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './Dialog.module.css';

/**
 * A modal dialog. Its head is no `header` element: a page has one banner,
 * and this is not it.
 */
export function Dialog({
  opened,
  onClose,
  title,
  isTitleShown = true,
  size = 'md',
  children,
}: {
  opened: boolean;
  onClose: () => void;
  title: string;
  isTitleShown?: boolean;
  size?: string | number;
  children: ReactNode;
}) {
  return (
    // There at once: a transition mounts it frames later, and what is typed
    // in between would be lost.
    <Modal.Root
      opened={opened}
      onClose={onClose}
      size={size}
      yOffset="10vh"
      transitionProps={{ duration: 0 }}
    >
      <Modal.Overlay backgroundOpacity={0.45} transitionProps={{ duration: 0 }} />
      <Modal.Content {...(isTitleShown ? {} : { 'aria-label': title })}>
        {isTitleShown && (
          <div className={classes.head}>
            <Modal.Title component="h2" className={classes.title}>
              {title}
            </Modal.Title>
            <Modal.CloseButton aria-label="Close" size="sm" />
          </div>
        )}
        <div className={isTitleShown ? classes.body : undefined}>{children}</div>
      </Modal.Content>
    </Modal.Root>
  );
}
