import type { SinkAnswer } from '../../api/settings';
import { Notice, type Tone } from '../../ui/Notice';
import classes from './settings.module.css';

const VERDICT: Record<SinkAnswer['verdict'], { tone: Tone; title: string }> = {
  delivered: { tone: 'good', title: 'Delivered' },
  retry: { tone: 'warn', title: 'Not taken now; it may be later' },
  rejected: { tone: 'bad', title: 'Refused' },
};

/** What a receiver said, in its own words. */
export function AnswerView({ answer }: { answer: SinkAnswer }) {
  const { tone, title } = VERDICT[answer.verdict];
  return (
    <Notice tone={tone} title={title}>
      {answer.status !== undefined && answer.status !== null && `status ${answer.status}, `}
      after {answer.milliseconds} ms
      {answer.text !== '' && <pre className={classes.answer}>{answer.text}</pre>}
    </Notice>
  );
}
