// The runs and models of the Neptune 2 sample projects, in short.

/** A run in short. */
export interface Plan2 {
  name: string;
  algorithm: 'xgboost' | 'lightgbm' | 'mlp';
  learningRate: number;
  depth: number;
  /** Boosting rounds or epochs times batches: the steps of the metrics. */
  steps: number;
  /** Area under the ROC curve that it comes to. */
  auc: number;
  tags: string[];
  groups?: string[];
  description?: string;
  owner: string;
  /** Version of the training data. */
  data: '2023-05' | '2023-06';
  trashed?: boolean;
  failed?: boolean;
  /** Started from a notebook. */
  notebook?: boolean;
  customRunId?: string;
}

export const CHURN_RUNS: Plan2[] = [
  {
    name: 'first try',
    algorithm: 'mlp',
    learningRate: 0.01,
    depth: 3,
    steps: 600,
    auc: 0.71,
    tags: ['mlp', 'notebook'],
    description: 'Out of the notebook, no tuning.',
    owner: 'ada',
    data: '2023-05',
    notebook: true,
  },
  {
    name: 'baseline',
    algorithm: 'xgboost',
    learningRate: 0.1,
    depth: 6,
    steps: 500,
    auc: 0.803,
    tags: ['baseline', 'xgboost'],
    owner: 'ada',
    data: '2023-05',
    customRunId: 'xgb-baseline',
  },
  {
    name: 'sweep depth',
    algorithm: 'xgboost',
    learningRate: 0.1,
    depth: 4,
    steps: 500,
    auc: 0.811,
    tags: ['sweep', 'xgboost'],
    groups: ['sweep-depth'],
    owner: 'grace',
    data: '2023-05',
  },
  {
    name: 'sweep depth',
    algorithm: 'xgboost',
    learningRate: 0.1,
    depth: 8,
    steps: 500,
    auc: 0.798,
    tags: ['sweep', 'xgboost'],
    groups: ['sweep-depth'],
    owner: 'grace',
    data: '2023-05',
  },
  {
    name: 'sweep depth',
    algorithm: 'xgboost',
    learningRate: 0.1,
    depth: 14,
    steps: 230,
    auc: 0.76,
    tags: ['sweep', 'xgboost'],
    groups: ['sweep-depth'],
    description: 'Out of memory.',
    owner: 'grace',
    data: '2023-05',
    failed: true,
  },
  {
    name: 'wrong labels',
    algorithm: 'lightgbm',
    learningRate: 0.05,
    depth: 7,
    steps: 300,
    auc: 0.55,
    tags: ['lightgbm'],
    owner: 'grace',
    data: '2023-05',
    trashed: true,
  },
  {
    name: 'lightgbm',
    algorithm: 'lightgbm',
    learningRate: 0.05,
    depth: 7,
    steps: 900,
    auc: 0.822,
    tags: ['lightgbm', 'candidate'],
    groups: ['june data'],
    owner: 'grace',
    data: '2023-06',
  },
  {
    name: 'lightgbm, more trees',
    algorithm: 'lightgbm',
    learningRate: 0.02,
    depth: 7,
    steps: 2500,
    auc: 0.831,
    tags: ['lightgbm', 'candidate', 'best'],
    groups: ['june data'],
    description: 'In production since July.',
    owner: 'ada',
    data: '2023-06',
    customRunId: 'lgbm-production',
  },
  {
    name: 'mlp, embeddings',
    algorithm: 'mlp',
    learningRate: 0.001,
    depth: 4,
    steps: 3200,
    auc: 0.818,
    tags: ['mlp', 'embeddings'],
    groups: ['june data', 'neural'],
    owner: 'ada',
    data: '2023-06',
  },
  {
    name: 'smoke test',
    algorithm: 'xgboost',
    learningRate: 0.3,
    depth: 2,
    steps: 20,
    auc: 0.66,
    tags: [],
    owner: 'ada',
    data: '2023-06',
  },
];

export const PRICE_RUNS: Plan2[] = [
  {
    name: 'linear',
    algorithm: 'mlp',
    learningRate: 0.01,
    depth: 1,
    steps: 200,
    auc: 0.69,
    tags: ['linear'],
    owner: 'grace',
    data: '2023-06',
  },
  {
    name: 'trees',
    algorithm: 'lightgbm',
    learningRate: 0.1,
    depth: 5,
    steps: 250,
    auc: 0.75,
    tags: [],
    owner: 'grace',
    data: '2023-06',
  },
];

/** A model in short: what its short id ends with, its name, its versions. */
export interface ModelPlan {
  key: string;
  name: string;
  versions: {
    stage: 'none' | 'staging' | 'production' | 'archived';
    /** Number of the run that it comes from. */
    run: number;
    trashed?: boolean;
  }[];
}

export const CHURN_MODELS: ModelPlan[] = [
  {
    key: 'LGBM',
    name: 'Churn, gradient boosting',
    versions: [
      { stage: 'archived', run: 2 },
      { stage: 'staging', run: 7 },
      { stage: 'production', run: 8 },
    ],
  },
  {
    key: 'MLP',
    name: 'Churn, neural',
    versions: [
      { stage: 'none', run: 1, trashed: true },
      { stage: 'none', run: 9 },
    ],
  },
];
