// Mantine in our colours: contrast corrected until axe is silent.

import {
  type CSSVariablesResolver,
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
  type VariantColorsResolver,
} from '@mantine/core';

const sea: MantineColorsTuple = [
  '#eaf4fb',
  '#d3e7f5',
  '#a6cfea',
  '#76b6df',
  '#4c9fd3',
  '#2c8cc6',
  '#1a7bb5',
  '#116a9f',
  '#0b5c8a',
  '#074a70',
];

// Neutral with a breath of blue, so that severity colours stand alone.
const dark: MantineColorsTuple = [
  '#dfe2e6',
  '#b9bec6',
  '#9097a1',
  '#636a74',
  '#42464d',
  '#33373d',
  '#26292e',
  '#1b1d21',
  '#16181b',
  '#101214',
];

const variantColorResolver: VariantColorsResolver = (input) => {
  const colors = defaultVariantColorsResolver(input);
  const name = input.color ?? 'sea';
  if (input.variant === 'light') {
    return {
      ...colors,
      color: `light-dark(color-mix(in srgb, var(--mantine-color-${name}-9) 80%, black), var(--mantine-color-${name}-2))`,
      background: `light-dark(var(--mantine-color-${name}-0), color-mix(in srgb, var(--mantine-color-${name}-9) 34%, black))`,
      hover: `light-dark(var(--mantine-color-${name}-1), color-mix(in srgb, var(--mantine-color-${name}-9) 50%, black))`,
    };
  }
  if (input.variant === 'outline' || input.variant === 'subtle') {
    return {
      ...colors,
      color: `light-dark(var(--mantine-color-${name}-9), var(--mantine-color-${name}-3))`,
    };
  }
  return colors;
};

export const theme = createTheme({
  colors: { sea, dark },
  primaryColor: 'sea',
  primaryShade: { light: 8, dark: 8 },
  fontFamily:
    'Inter, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif',
  fontFamilyMonospace:
    'ui-monospace, "SF Mono", "Cascadia Mono", "Liberation Mono", Menlo, monospace',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '19px' },
  headings: { fontWeight: '600' },
  defaultRadius: 'sm',
  autoContrast: true,
  luminanceThreshold: 0.35,
  cursorType: 'pointer',
  respectReducedMotion: true,
  variantColorResolver,
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-anchor': '#0b5c8a',
    '--mantine-color-dimmed': '#5a616b',
    '--mantine-color-placeholder': '#666d77',
    '--mantine-color-text': '#1c1f24',
    '--mantine-color-default-border': '#ccd1d8',
    '--mantine-color-error': '#b91c1c',
  },
  dark: {
    '--mantine-color-anchor': '#7cc4f0',
    '--mantine-color-dimmed': '#a9afb8',
    '--mantine-color-placeholder': '#a0a6af',
    '--mantine-color-text': '#dfe2e6',
    '--mantine-color-default-border': '#42464d',
    '--mantine-color-error': '#ff9b9b',
  },
});
