import { useId } from 'react';

export interface LogoProps {
  size?: number;
  /** Shows the name beside the mark. */
  wordmark?: boolean;
}

/** Labora's mark: an L whose foot is a running cell, on a warm tile. The same drawing as the favicon. */
export function Logo({ size = 32, wordmark = false }: LogoProps) {
  const gradient = useId();
  return (
    <span className="ui-logo">
      <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
        <defs>
          <linearGradient id={gradient} x1="0" y1="0" x2="1" y2="1">
            <stop offset="0" stopColor="#e0703f" />
            <stop offset="1" stopColor="#a83a17" />
          </linearGradient>
        </defs>
        <rect width="32" height="32" rx="9" fill={`url(#${gradient})`} />
        <path
          d="M9 7.5v14.2a2.8 2.8 0 0 0 2.8 2.8H14"
          fill="none"
          stroke="#fff"
          strokeWidth="3.4"
          strokeLinecap="round"
        />
        <path
          d="M18.6 17.9v6.9a1.1 1.1 0 0 0 1.7.95l5.3-3.45a1.1 1.1 0 0 0 0-1.9l-5.3-3.45a1.1 1.1 0 0 0-1.7.95Z"
          fill="#ffe3d3"
        />
        <path d="M15.2 9.4h8.3M15.2 13.6h5" stroke="#fff" strokeOpacity="0.55" strokeWidth="2" strokeLinecap="round" />
      </svg>
      {wordmark && <span className="ui-logo-word">Labora</span>}
    </span>
  );
}
