// What we say of vulnerabilities ourselves, as a document for others.

import { Button, NativeSelect } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import { useEnvironment } from '../../components/url';
import classes from './vex.module.css';

const FORMATS = [
  { value: 'openvex', label: 'OpenVEX' },
  { value: 'csaf', label: 'CSAF' },
  { value: 'cyclonedx', label: 'CycloneDX' },
];

const UNUSED = [
  { value: '', label: 'Leave them out' },
  { value: '7', label: 'Not used for a week' },
  { value: '30', label: 'Not used for 30 days' },
  { value: '90', label: 'Not used for 90 days' },
];

export function ExportForm() {
  const environment = useEnvironment();
  const [format, setFormat] = useState('openvex');
  const [days, setDays] = useState('');
  const asked = new URLSearchParams({ format, environment });
  if (days) asked.set('in_use_days', days);
  return (
    <div className={classes.form}>
      <p className={classes.lead}>
        Exemptions and dismissals of vulnerabilities, as statements about the images and packages
        they hold for.
      </p>
      <NativeSelect
        size="xs"
        label="Form"
        data={FORMATS}
        value={format}
        onChange={(event) => setFormat(event.currentTarget.value)}
        data-autofocus
      />
      <NativeSelect
        size="xs"
        label="Packages that are not used"
        description="Sensors watched every container of the image that long without a break, and nothing of the package was loaded or executed: “not affected” as of now"
        data={UNUSED}
        value={days}
        onChange={(event) => setDays(event.currentTarget.value)}
      />
      <div className={classes.right}>
        <Button
          component="a"
          size="xs"
          href={`/api/v1/vex/export?${asked}`}
          download
          leftSection={<IconDownload size={14} aria-hidden />}
        >
          Save the document
        </Button>
      </div>
    </div>
  );
}
