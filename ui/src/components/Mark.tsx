// Our own mark: a wall, and the sea it keeps out.

export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <rect width="24" height="24" rx="5" fill="#0b5c8a" />
      <g fill="#fff">
        <rect x="13" y="4" width="3.4" height="3.6" rx=".7" />
        <rect x="17.2" y="4" width="3.3" height="3.6" rx=".7" />
        <rect x="14.6" y="8.4" width="5.9" height="3.6" rx=".7" />
        <rect x="13" y="12.8" width="3.4" height="3.6" rx=".7" />
        <rect x="17.2" y="12.8" width="3.3" height="3.6" rx=".7" />
      </g>
      <g fill="none" stroke="#9bd7ff" strokeWidth="1.7" strokeLinecap="round">
        <path d="M3.5 13.4c1.2-4.3 4.3-5.9 7-4.1-2.1.1-2.9 1.7-2 3.2.8 1.3 2 1.9 2.8 1.9" />
        <path d="M3.5 19c1.7 0 1.7-1.3 3.4-1.3S8.6 19 10.3 19s1.7-1.3 3.4-1.3S15.4 19 17.1 19s1.7-1.3 3.4-1.3" />
      </g>
    </svg>
  );
}
