import { describe, expect, it } from 'vitest';
import { ResourceRegistry } from '../cluster/registry.js';
import {
  alreadyExists,
  conflict,
  forbidden,
  invalid,
  notFound,
  StatusError,
  tooLargeVersion,
  tooOldVersion,
} from './status.js';

const deployments = new ResourceRegistry().require('deployments', 'apps');

describe('status answers', () => {
  it('[KSIM-35] carry code, reason and details of what they are about', () => {
    expect(notFound(deployments, 'web').status).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'deployments.apps "web" not found',
      reason: 'NotFound',
      details: { name: 'web', group: 'apps', kind: 'deployments' },
      code: 404,
    });
    expect(alreadyExists(deployments, 'web').status).toMatchObject({ code: 409, reason: 'AlreadyExists' });
    expect(conflict(deployments, 'web', 'why').status.message).toBe(
      'Operation cannot be fulfilled on deployments.apps "web": why',
    );
    expect(forbidden(deployments, '', 'because').status.message).toBe(
      'deployments.apps is forbidden: because',
    );
  });

  it('[KSIM-35] of several bad fields name each', () => {
    const causes = [
      { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.a' },
      { reason: 'FieldValueInvalid', message: 'Invalid value', field: 'spec.b' },
    ];
    const { status } = invalid('Lamp', 'light.example.com', 'desk', causes);
    expect(status.message).toBe(
      'Lamp.light.example.com "desk" is invalid: [spec.a: Required value, spec.b: Invalid value]',
    );
    expect(status.details?.causes).toEqual(causes);
  });

  it('[KSIM-4] [KSIM-16] a version that is too old is 410, one that is too new 504 with a time', () => {
    expect(tooOldVersion(5, 9).status).toMatchObject({
      code: 410,
      reason: 'Expired',
      message: 'too old resource version: 5 (9)',
    });
    expect(tooLargeVersion(9, 5).status).toMatchObject({ code: 504, details: { retryAfterSeconds: 1 } });
  });

  it('[KSIM-35] without a reason say none', () => {
    expect('reason' in new StatusError(500, '', 'broken').status).toBe(false);
  });
});
