// The table of users by Sequelize, as most such programs have it. Not by findOrCreate, whose transactions
// need a connection each, which on SQLite shut each other out.

import { DataTypes, Sequelize } from 'sequelize'

export async function open(storage, synchronous) {
  const sequelize = new Sequelize({ dialect: 'sqlite', storage, logging: false })
  const users = sequelize.define(
    'users',
    {
      open_id: { type: DataTypes.STRING, allowNull: false, unique: true },
      nick_name: DataTypes.STRING,
      gender: DataTypes.INTEGER,
      avatar_url: DataTypes.STRING,
      session_key: DataTypes.STRING,
    },
    { underscored: true },
  )
  await users.sync()
  // All that is not a transaction goes over one connection.
  await sequelize.query('PRAGMA journal_mode = WAL')
  await sequelize.query(`PRAGMA synchronous = ${synchronous}`)
  return async (openId, columns) => {
    const [user, isNew] = await users.findCreateFind({ where: { open_id: openId }, defaults: columns })
    if (!isNew) await user.update(columns)
    return user.id
  }
}
