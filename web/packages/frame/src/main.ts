// The entry of the output frame's page (frame.html). It runs on the content origin: no import from the app or React.
export {};
