import eslint from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier/flat';
import { defineConfig, globalIgnores } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';

export default defineConfig([
  globalIgnores([
    '.venv/',
    '.cache/',
    'bench/',
    'binder/',
    'build/',
    'coverage/',
    'jupyter_mlstudio/',
    'lib/',
    '**/node_modules/',
    'ui-tests/playwright-report/',
    'ui-tests/test-results/'
  ]),
  { plugins: { jupyter } },
  eslint.configs.recommended,
  jupyter.configs.recommended,
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: globals.node }
  },
  {
    files: ['style/*.js'],
    languageOptions: { sourceType: 'module' }
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strict],
    rules: {
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'interface',
          format: ['PascalCase'],
          custom: { regex: '^I[A-Z]', match: true }
        }
      ],
      // JupyterLab keeps the ids of commands in a namespace.
      '@typescript-eslint/no-namespace': 'off',
      curly: 'error',
      eqeqeq: 'error',
      'prefer-arrow-callback': 'error'
    }
  },
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { project: 'tsconfig.test.json' }
    },
    rules: {
      // What activation itself needs: command ids, the client, the model, and the sidebar.
      'jupyter/prefer-lazy-imports': [
        'warn',
        {
          ignoreImports: [
            '../api/client',
            '../commands',
            '../model/studio',
            '../panels/sidebar'
          ]
        }
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false } }
      ]
    }
  },
  {
    files: ['ui-tests/**/*.ts'],
    languageOptions: { globals: globals.node }
  },
  prettier
]);
