// Who is told when something is wrong. Most of it the app finds by itself every quarter of an hour and writes into its
// log (functions/health_timer.py); the queries read those lines. tests/infra compares the words with the code.
param name string
param location string
param tags object
param workspaceName string
param vaultName string
param email string

var logAlerts = [
  {
    key: 'poison'
    severity: 1
    query: 'AppTraces | where Message startswith "health critical queue "'
    text: 'Messages could not be handled: manage.py queue peek.'
    threshold: 0
  }
  {
    key: 'crl'
    severity: 1
    query: 'AppTraces | where Message startswith "health critical CRL" or Message startswith "health warning CRL"'
    text: 'The CRL is past half its life, or has ended: manage.py crl publish.'
    threshold: 0
  }
  {
    key: 'expiry'
    severity: 2
    query: 'AppTraces | where Message matches regex "^health (critical|warning) (CA|issuing CA|SCEP RA)"'
    text: 'A certificate of the CA or of its RA ends soon: manage.py health.'
    threshold: 0
  }
  {
    key: 'brake'
    severity: 1
    query: 'AppTraces | where Message startswith "health critical brake"'
    text: 'Device events are parked by the brake: manage.py revocation parked list.'
    threshold: 0
  }
  {
    key: 'enrolments'
    severity: 2
    query: 'AppTraces | where Message startswith "transaction " and Message contains " refused: "'
    text: 'Many enrolments fail: manage.py trace list.'
    threshold: 20
  }
  {
    key: 'silence'
    severity: 1
    query: 'AppTraces | where Message startswith "health " | summarize lines = count() | where lines == 0'
    text: 'The app has not examined itself: is it running?'
    threshold: 0
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'scepter'
    enabled: true
    emailReceivers: empty(email) ? [] : [{ name: 'administrators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource logAlert 'Microsoft.Insights/scheduledQueryRules@2023-03-15-preview' = [
  for alert in logAlerts: {
    name: 'alert-${alert.key}-${name}'
    location: location
    tags: tags
    properties: {
      displayName: 'Scepter: ${alert.key}'
      description: alert.text
      severity: alert.severity
      enabled: true
      scopes: [workspace.id]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT30M'
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: alert.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      autoMitigate: true
      actions: { actionGroups: [people.id] }
    }
  }
]

resource throttling 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-vault-${name}'
  location: 'global'
  tags: tags
  properties: {
    description: 'The vault turns requests away (429): docs/keys.md, limits.'
    severity: 2
    enabled: true
    scopes: [vault.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled'
          metricName: 'ServiceApiResult'
          dimensions: [{ name: 'StatusCode', operator: 'Include', values: ['429'] }]
          operator: 'GreaterThan'
          threshold: 0
          timeAggregation: 'Count'
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}
