import { createRoot } from 'react-dom/client';
import { App } from './App';
import { takeToken } from './api';
import './style.css';

takeToken();
createRoot(document.getElementById('root')!).render(<App />);
