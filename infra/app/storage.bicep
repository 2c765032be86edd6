// Records, queues and publications. Entra identities only: no account key opens it, and no stranger reads it.
param name string
param location string
param tags object

// tests/infra compares these with the names in the code.
var tables = [
  'owners', 'certificates', 'changes', 'supersessions', 'uses', 'traces', 'requests', 'outbox'
  'devices', 'events', 'parked', 'holds', 'brake'
  'orders', 'deliveries', 'parcels', 'pfxrequests'
]
var queues = [
  'crl-requests', 'crl-requests-poison', 'device-events', 'device-events-poison'
  'pkcs-requests', 'pkcs-requests-poison', 'pfx-requests', 'pfx-requests-poison'
  'result-callbacks', 'result-callbacks-poison'
]
var containers = ['pki', 'deliveries', 'parcels']
var deploymentContainer = 'app-package'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true // the function app serves CRLs over http, the account itself does not
  }
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2023-05-01' = [
  for tableName in tables: {
    parent: tableService
    name: tableName
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = [
  for queueName in queues: {
    parent: queueService
    name: queueName
  }
]

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = [
  for containerName in concat(containers, [deploymentContainer]): {
    parent: blobService
    name: containerName
    properties: { publicAccess: 'None' }
  }
]

output name string = account.name
output deploymentContainer string = deploymentContainer
