import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import '@labora/ui/styles.css';
import './app.css';
import { addMessages, watchFocus, watchTheme } from '@labora/ui';
import { App } from './App';
import { keepAppForOffline } from './offline';
import { en } from './messages/en';

addMessages('', en);
watchTheme();
watchFocus();
keepAppForOffline();
const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
