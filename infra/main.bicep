// One installation of Scepter in a resource group of its own. Plain resources only: no registry is needed to read it.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the environment; the resource group is named after it.')
param environmentName string

@minLength(1)
@description('Region of everything.')
@metadata({ azd: { type: 'location' } })
param location string

@minLength(1)
@description('SCEPTER_PUBLIC_URL: base of the CRL, CA certificate and SCEP URLs. Your own DNS name, http.')
param publicUrl string

@description('SCEPTER_DEFAULT_PROFILE: the profile behind the path of NDES.')
param defaultProfile string

@description('Names of the callers of POST /challenges, separated by commas. The secret of each is caller-<name> in the vault.')
param callers string

@description('Names of the sources of device events, separated by commas. The secrets of each are events-<name> in the vault.')
param eventSources string

@description('Application (client) id that tokens for the management API are issued to. Empty: nobody may manage.')
param managementClientId string

@description('Object id of the person who puts secrets into the vault. Empty: nobody is granted that here.')
param administratorPrincipalId string

@allowed(['standard', 'premium'])
@description('premium keeps keys in hardware.')
param vaultSku string

@minValue(40)
@maxValue(1000)
@description('Most instances of the function app.')
param maximumInstanceCount int

@minValue(1)
@maxValue(100)
@description('Calls that one instance serves at the same time.')
param callsPerInstance int

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity './app/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-scepter-${token}'
    location: location
    tags: tags
  }
}

module storage './app/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
  }
}

module vault './app/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    sku: vaultSku
  }
}

module monitoring './app/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: 'scepter-${token}'
    location: location
    tags: tags
  }
}

module roles './app/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    administratorPrincipalId: administratorPrincipalId
    storageName: storage.outputs.name
    vaultName: vault.outputs.name
    applicationInsightsName: monitoring.outputs.name
  }
}

module functionApp './app/function_app.bicep' = {
  name: 'functionApp'
  scope: group
  params: {
    name: 'func-scepter-${token}'
    location: location
    tags: tags
    identityName: identity.outputs.name
    storageName: storage.outputs.name
    deploymentContainer: storage.outputs.deploymentContainer
    vaultName: vault.outputs.name
    applicationInsightsName: monitoring.outputs.name
    publicUrl: publicUrl
    defaultProfile: defaultProfile
    callers: empty(callers) ? [] : split(callers, ',')
    eventSources: empty(eventSources) ? [] : split(eventSources, ',')
    managementClientId: managementClientId
    maximumInstanceCount: maximumInstanceCount
    callsPerInstance: callsPerInstance
  }
  dependsOn: [roles] // an app that starts before it may read its secrets is given references instead of them
}

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_KEY_VAULT_NAME string = vault.outputs.name
output SERVICE_SCEPTER_NAME string = functionApp.outputs.name
output SERVICE_SCEPTER_HOST string = functionApp.outputs.host
