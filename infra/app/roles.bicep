// What the function app may do, each on one resource; and what its administrator may.
param principalId string
param administratorPrincipalId string
param storageName string
param vaultName string
param caKeyName string
param importKeyName string
param writtenSecrets array
param applicationInsightsName string

// Built-in roles; tests/infra knows these ids and refuses others.
var roles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b' // the host's own locks and keys need it
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  keyVaultCryptoUser: '12338af0-0e69-4776-bea7-57ae8d297424'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}
var onStorage = [
  roles.storageBlobDataOwner
  roles.storageQueueDataContributor
  roles.storageTableDataContributor
]
// The administrator signs with the CA key (its own certificate request) and writes secrets and certificates.
var ofAdministrator = [roles.keyVaultSecretsOfficer, roles.keyVaultCryptoUser]

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource caKey 'Microsoft.KeyVault/vaults/keys@2023-07-01' existing = {
  parent: vault
  name: caKeyName
}

resource importKey 'Microsoft.KeyVault/vaults/keys@2023-07-01' existing = {
  parent: vault
  name: importKeyName
}

resource secret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' existing = [
  for secretName in writtenSecrets: {
    parent: vault
    name: secretName
  }
]

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource storageRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in onStorage: {
    name: guid(storage.id, principalId, role)
    scope: storage
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource caKeyRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(caKey.id, principalId, roles.keyVaultCryptoUser)
  scope: caKey
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultCryptoUser)
  }
}

resource importKeyRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(importKey.id, principalId, roles.keyVaultCryptoUser)
  scope: importKey
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultCryptoUser)
  }
}

// Reads secrets: Key Vault references, and the CA's certificates.
resource secretsRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, roles.keyVaultSecretsUser)
  scope: vault
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}

// Writes new versions of the identities that it renews by itself, and no other secret.
resource writtenRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (secretName, at) in writtenSecrets: {
    name: guid(vault.id, secretName, principalId, roles.keyVaultSecretsOfficer)
    scope: secret[at]
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsOfficer)
    }
  }
]

resource telemetryRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, principalId, roles.monitoringMetricsPublisher)
  scope: applicationInsights
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
  }
}

resource administratorRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in ofAdministrator: if (!empty(administratorPrincipalId)) {
    name: guid(vault.id, administratorPrincipalId, role)
    scope: vault
    properties: {
      principalId: administratorPrincipalId
      principalType: 'User'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]
