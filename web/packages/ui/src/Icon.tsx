import { icons } from './icons.gen';

export type IconName = keyof typeof icons;

export interface IconProps {
  name: IconName;
  /** Side in pixels; 20 by default. */
  size?: number;
  className?: string;
}

/** An icon that decorates a text or a labelled control; it says nothing by itself to a screen reader. */
export function Icon({ name, size = 20, className }: IconProps) {
  return (
    <svg
      className={className}
      width={size}
      height={size}
      viewBox="0 -960 960 960"
      fill="currentColor"
      aria-hidden="true"
    >
      <path d={icons[name]} />
    </svg>
  );
}
